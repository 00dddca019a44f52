package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/pipeline/snapshot"
	"portrait/profile/feature"
	"portrait/schemas"
	"portrait/sinks/clickhouse"
)

// The environment's secrets; PORTRAIT_KEY is normalize.EnvKey.
const (
	envKafkaPassword      = "PORTRAIT_KAFKA_PASSWORD"
	envClickHousePassword = "PORTRAIT_CLICKHOUSE_PASSWORD"
)

// takeSecrets lets passwords come from the environment, which is where orchestrators put secrets. They
// say nothing about what is embedded.
func (c *Config) takeSecrets(env func(string) string) {
	// notSet only fills a gap.
	if s := &c.Kafka.SASL; s.Mechanism != "" {
		if p := env(envKafkaPassword); p != "" && (p != notSet || s.Password == "") {
			s.Password = p
		}
	}
	if p := env(envClickHousePassword); p != "" && c.ClickHouse.DSN != "" {
		u, err := url.Parse(c.ClickHouse.DSN)
		if err != nil {
			return // check says what is wrong with it
		}
		user := u.User.Username()
		if user == "" {
			user = "default"
		}
		u.User = url.UserPassword(user, p)
		c.ClickHouse.DSN = u.String()
	}
}

// prefixPattern is what Kafka allows in names, with room for the longest ending.
var prefixPattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,199}$`)

// Bounds that no sensible deployment reaches; beyond them is a slip of the keyboard.
const (
	maxPartitions  = 1024
	maxReplication = 15
	maxDedupeIDs   = 4096      // an id takes 16 bytes of the profile's limit
	minDocInterval = 100       // ms: below it every event publishes a document
	maxDocInterval = 3_600_000 // ms: consumers would bootstrap from documents an hour old
	minCacheMB     = 1
	maxCacheMB     = 1 << 20
)

// check reports every setting that cannot work, as configErrors.
func (c Config) check() error {
	k := &configChecker{}
	if !prefixPattern.MatchString(c.Prefix) {
		k.fail("prefix", "use letters, digits, dots, underscores and hyphens, at most 200", "%q cannot begin the name of a topic", c.Prefix)
	}
	k.roles(&c)
	k.kafka(&c)
	k.clickhouse(&c.ClickHouse)
	if host, port, err := net.SplitHostPort(c.HTTP); err != nil || !isPort(port) || strings.Contains(host, "/") {
		k.fail("http", "write HOST:PORT, for example 127.0.0.1:8280; port 0 takes any free one", "%q is no address to listen on", c.HTTP)
	}
	if host, port, err := net.SplitHostPort(c.Advertise); c.Advertise != "" && (err != nil || host == "" || !isPort(port) || strings.ContainsAny(host, "/@")) {
		k.fail("advertise", "write HOST:PORT as other machines reach it, for example portrait-1.example:8280", "%q is no address to be reached at", c.Advertise)
	}
	if c.CacheMB != 0 && (c.CacheMB < minCacheMB || c.CacheMB > maxCacheMB) {
		k.fail("cache_mb", fmt.Sprintf("%d to %d, or leave it out for 1024", minCacheMB, maxCacheMB), "%d MiB of profiles in memory", c.CacheMB)
	}
	c.Snapshots.check(k)
	k.deployment(&c)
	return k.errs.err()
}

// checkFiles reports every file that the configuration names and `portrait run` could not use, as configErrors.
func (c Config) checkFiles() error {
	k := &configChecker{}
	file := func(key string, err error) {
		if err == nil {
			return
		}
		what, remedy, _ := strings.Cut(err.Error(), "; ")
		if remedy == "" {
			remedy = "put it there; if it is on another machine, check with --no-files"
		}
		k.fail(key, remedy, "%s", what)
	}
	// Without a file and without PORTRAIT_KEY the service's environment may still hold the key.
	if _, err := normalize.LoadKeys(os.Getenv(normalize.EnvKey), c.keyFile()); c.KeyFile != "" || !errors.Is(err, normalize.ErrNoKey) {
		file("key_file", err)
	}
	if c.Kafka.TLS.Enabled {
		client, err := kafka.NewClient(c.Kafka) // does not connect
		if err == nil {
			client.Close()
		} else {
			text := strings.TrimPrefix(err.Error(), "kafka: ")
			key, _, _ := strings.Cut(text, " ")
			file("kafka."+strings.TrimSuffix(key, ":"), errors.New(text))
		}
	}
	if c.Snapshots.on() {
		_, err := snapshot.LoadKey(os.Getenv(snapshot.EnvKey), c.Snapshots.KeyFile)
		file("snapshots.key_file", err)
	}
	if c.Catalog != "" {
		_, err := os.ReadFile(c.Catalog)
		file("catalog", err)
	}
	return k.errs.err()
}

func isPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n <= 65535
}

type configChecker struct{ errs configErrors }

func (k *configChecker) fail(key, remedy, format string, args ...any) {
	k.errs = append(k.errs, &configError{key: key, what: fmt.Sprintf(format, args...), remedy: remedy})
}

func (k *configChecker) kafka(c *Config) {
	if len(c.Kafka.Brokers) == 0 {
		if c.Kafka.TLS.Enabled || c.Kafka.SASL.Mechanism != "" || c.Kafka.SASL.User != "" || c.Kafka.SASL.Password != "" {
			k.fail("kafka.brokers", "name them, or leave out tls and sasl: the embedded broker has neither", "tls or sasl without brokers")
		}
		return
	}
	if s := c.Kafka.SASL; s.Mechanism != "" && s.Password == "" {
		k.fail("kafka.sasl", "set "+envKafkaPassword, "sasl without a password")
		return
	}
	if err := c.Kafka.Validate(); err != nil {
		what, remedy, _ := strings.Cut(strings.TrimPrefix(err.Error(), "kafka: "), "; ")
		if remedy == "" {
			remedy = "see deploy/portrait.example.yaml"
		}
		k.fail("kafka", remedy, "%s", what)
	}
}

func (k *configChecker) clickhouse(c *ClickHouseConfig) {
	port := func(key string, n int) {
		if n < 0 || n > 65535 {
			k.fail("clickhouse."+key, "0 takes any free one", "%d is no port", n)
		}
	}
	port("tcp_port", c.TCPPort)
	port("http_port", c.HTTPPort)
	if c.TCPPort != 0 && c.TCPPort == c.HTTPPort {
		k.fail("clickhouse.http_port", "take another", "both ports are %d", c.TCPPort)
	}
	if c.DSN == "" {
		return
	}
	if c.Off || c.TCPPort != 0 || c.HTTPPort != 0 {
		k.fail("clickhouse.dsn", "keep dsn for a server of yours, or the ports for the embedded one, or off", "dsn beside off or ports")
	}
	const remedy = "for example clickhouse://portrait@ch.example:9000/portrait, with the password in " + envClickHousePassword
	// The driver takes any scheme for its own. What is wrong with an address is not repeated: it may be the password.
	if scheme, _, _ := strings.Cut(c.DSN, "://"); !slices.Contains([]string{"clickhouse", "tcp", "http", "https"}, scheme) {
		k.fail("clickhouse.dsn", remedy, "dsn: the address does not begin with clickhouse://")
		return
	}
	conn, err := clickhouse.Connect(c.DSN) // does not connect yet
	if err != nil {
		k.fail("clickhouse.dsn", remedy, "dsn: %s", strings.TrimPrefix(err.Error(), "clickhouse address: "))
		return
	}
	if err := conn.Close(); err != nil {
		k.fail("clickhouse.dsn", "see deploy/portrait.example.yaml", "%v", err)
	}
}

func (k *configChecker) deployment(c *Config) {
	d := &c.Deployment
	before := len(k.errs)
	number := func(key string, n, least, most int64) {
		if n != 0 && (n < least || n > most) {
			k.fail("deployment."+key, fmt.Sprintf("%d to %d, or leave it out for the default", least, most), "%s is %d", key, n)
		}
	}
	number("events_partitions", int64(d.EventsPartitions), 1, maxPartitions)
	number("inbox_partitions", int64(d.InboxPartitions), 1, maxPartitions)
	number("facts_partitions", int64(d.FactsPartitions), 1, maxPartitions)
	number("replication", int64(d.Replication), 1, maxReplication)
	number("dedupe_ids", int64(d.DedupeIDs), 1, maxDedupeIDs)
	number("doc_interval_ms", d.DocIntervalMS, minDocInterval, maxDocInterval)
	if d.Clock != "" && d.Clock != schemas.ClockWall && d.Clock != schemas.ClockEvent {
		k.fail("deployment.clock", "write wall, or event for an import of history", "%q is no clock", d.Clock)
	}
	if d.TimeZone != "" {
		if _, err := feature.LoadZone(d.TimeZone); err != nil {
			k.fail("deployment.time_zone", "write an IANA name, for example Asia/Shanghai", "%q is no time zone", d.TimeZone)
		}
	}
	if d.PhoneRegion != "" && !knownRegion(d.PhoneRegion) {
		k.fail("deployment.phone_region", "write an ISO 3166 code, for example CN", "%q is no region", d.PhoneRegion)
	}
	for _, p := range d.SensitiveProps {
		if p == "" {
			k.fail("deployment.sensitive_properties", "remove it", "an empty name")
		}
	}
	if len(k.errs) > before {
		return
	}
	proposal := c.proposal()
	if err := proposal.Validate(); err != nil {
		what, remedy, _ := strings.Cut(strings.TrimPrefix(err.Error(), "deployment: "), "; ")
		if remedy == "" {
			remedy = "see deploy/portrait.example.yaml"
		}
		k.fail("deployment", remedy, "%s", what)
	}
}

// knownRegion asks the normaliser, with a key that serves nothing else.
func knownRegion(region string) bool {
	keys, err := normalize.NewKeys(make([]byte, normalize.KeyBytes))
	if err != nil {
		return false
	}
	dep := schemas.DefaultDeployment()
	dep.KeyID, dep.KeyCheck, dep.PhoneRegion = keys.ID(), keys.KeyCheck(), region
	_, err = normalize.New(&dep, keys)
	return err == nil
}

// redacted stands for a secret wherever a configuration is printed.
const redacted = "[redacted]"

// shown is c without secrets, as plain data; kafka.SASL hides its own.
func (c Config) shown() any {
	type plain Config // without the methods
	if c.ClickHouse.DSN != "" {
		if u, err := url.Parse(c.ClickHouse.DSN); err != nil {
			c.ClickHouse.DSN = redacted
		} else if _, has := u.User.Password(); has {
			u.User = url.User(u.User.Username())
			c.ClickHouse.DSN = u.String()
		}
		if strings.Contains(c.ClickHouse.DSN, "password") { // as a parameter
			c.ClickHouse.DSN = redacted
		}
	}
	return plain(c)
}

// Format hides secrets from every verb.
func (c Config) Format(s fmt.State, _ rune) { _, _ = fmt.Fprintf(s, "%+v", c.shown()) }

// MarshalJSON hides secrets.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.shown()) }
