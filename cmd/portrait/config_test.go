package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"portrait/schemas"
)

const exampleConfig = "../../deploy/portrait.example.yaml"

func load(t *testing.T, text string) (Config, string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "portrait.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(file)
	return c, file, err
}

func TestConfigFaults(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":           {"prefix: a\nprefx: b\n", `line 2, column 1: unknown key "prefx" in the configuration; use advertise, cache_mb`},
		"unknown key below":     {"deployment:\n  partitions: 4\n", `line 2, column 3: unknown key "partitions" in deployment; use clock`},
		"key twice":             {"prefix: a\nprefix: b\n", "line 2"},
		"two documents":         {"prefix: a\n---\nprefix: b\n", "a second YAML document"},
		"list at the top":       {"- a\n", "the configuration is not a mapping; write key: value pairs"},
		"text for a mapping":    {"kafka: localhost:9092\n", "line 1, column 8: kafka is not a mapping"},
		"text for a number":     {"cache_mb: many\n", "line 1, column 11: cache_mb is not a whole number"},
		"text for a bool":       {"clickhouse: {off: maybe}\n", "clickhouse.off is neither true nor false"},
		"text for a list":       {"kafka: {brokers: 'a:1'}\n", "kafka.brokers is not a list"},
		"list for a text":       {"http: [a]\n", "http is not a text"},
		"prefix":                {"prefix: a/b\n", "line 1, column 1: \"a/b\" cannot begin the name of a topic"},
		"http":                  {"http: localhost\n", "is no address to listen on"},
		"http port":             {"http: 127.0.0.1:70000\n", "is no address to listen on"},
		"cache":                 {"cache_mb: -5\n", "line 1, column 1: -5 MiB of profiles in memory; 1 to 1048576"},
		"broker without port":   {"kafka:\n  brokers: [kafka]\n", `line 1, column 1: broker "kafka" is not host:port`},
		"tls without brokers":   {"kafka: {tls: {enabled: true}}\n", "tls or sasl without brokers"},
		"tls files, not on":     {"kafka: {brokers: ['a:1'], tls: {ca_file: x}}\n", "tls has settings but is not enabled"},
		"mechanism":             {"kafka: {brokers: ['a:1'], sasl: {mechanism: magic, user: u, password: p}}\n", `sasl.mechanism "magic"`},
		"no password":           {"kafka:\n  brokers: ['a:1']\n  sasl: {mechanism: plain, user: u}\n", "line 3, column 3: sasl without a password; set PORTRAIT_KAFKA_PASSWORD"},
		"dsn of another kind":   {"clickhouse: {dsn: 'ftp://u:hush@x'}\n", "dsn: the address does not begin with clickhouse://; for example clickhouse://"},
		"dsn not an address":    {"clickhouse: {dsn: 'clickhouse://u:hush@h:port/p'}\n", "; for example clickhouse://"},
		"dsn's database":        {"clickhouse: {dsn: 'clickhouse://u:hush@h:9000/p-q'}\n", "database \"p-q\""},
		"dsn without a port":    {"clickhouse:\n  dsn: 'clickhouse://u:hush@127.0.0.1/p'\n", "line 2, column 3: dsn: a server in it is not HOST:PORT; for example clickhouse://"},
		"dsn of a word":         {"clickhouse: {dsn: 'tcp://hush'}\n", "dsn: a server in it is not HOST:PORT; for example clickhouse://"},
		"dsn of no port":        {"clickhouse: {dsn: 'clickhouse://u:hush@h:0/p'}\n", "dsn: a server in it is not HOST:PORT"},
		"dsn of no host":        {"clickhouse: {dsn: 'clickhouse://u:hush@:9000/p'}\n", "dsn: a server in it is not HOST:PORT"},
		"dsn's second server":   {"clickhouse: {dsn: 'clickhouse://u:hush@h:9000,i/p'}\n", "dsn: "},
		"dsn and ports":         {"clickhouse: {dsn: 'clickhouse://h:9000/p', tcp_port: 9}\n", "dsn beside off or ports"},
		"port":                  {"clickhouse: {tcp_port: 99999}\n", "99999 is no port"},
		"same ports":            {"clickhouse: {tcp_port: 9000, http_port: 9000}\n", "both ports are 9000"},
		"partitions":            {"deployment: {inbox_partitions: -1}\n", "inbox_partitions is -1; 1 to 1024"},
		"clock":                 {"deployment: {clock: sun}\n", `"sun" is no clock`},
		"event clock":           {"deployment: {clock: event}\n", "one events partition"},
		"zone":                  {"deployment: {time_zone: Mars}\n", `"Mars" is no time zone`},
		"region":                {"deployment: {phone_region: China}\n", `"China" is no region`},
		"document interval":     {"deployment: {doc_interval_ms: 1}\n", "doc_interval_ms is 1; 100 to"},
		"nameless property":     {"deployment: {sensitive_properties: ['']}\n", "an empty name"},
		"remembered event ids":  {"deployment: {dedupe_ids: 1000000}\n", "dedupe_ids is 1000000"},
		"number too large":      {"cache_mb: 99999999999999999999\n", "cache_mb"},
		"role of nobody":        {"roles: [router, judge]\n", `line 1, column 1: "judge" is no role; use router, machine, sink`},
		"role twice":            {"roles: [sink, sink]\n", "sink stands there twice"},
		"roles, own broker":     {"roles: [machine]\n", "an embedded broker that no other process has; name the brokers"},
		"roles, own ClickHouse": {"kafka: {brokers: ['a:1']}\nroles: [sink]\n", "line 2, column 1: some roles, and an embedded ClickHouse"},
		"snapshots twice":       {"snapshots: {dir: /a, s3: {endpoint: 'http://s3:1', bucket: b}}\n", "both a directory and s3"},
		"s3 without a bucket":   {"snapshots: {s3: {endpoint: 'http://s3:1'}}\n", "no bucket"},
		"s3 at no address":      {"snapshots: {s3: {endpoint: s3, bucket: b}}\n", "endpoint is no address"},
		"s3 with half a key":    {"snapshots: {s3: {endpoint: 'http://s3:1', bucket: b, access_key: a}}\n", "go together"},
		"snapshots of a day":    {"snapshots: {dir: /a, interval_seconds: 86400}\n", "an interval of 86400 s"},
		"advertised nowhere":    {"advertise: ':8280'\n", "no address to be reached at"},
		"replication of nobody": {"deployment: {replication: 99}\n", "replication is 99"},
	} {
		t.Run(name, func(t *testing.T) {
			_, file, err := load(t, c.text)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, file+": line ") || !strings.Contains(line, "; ") {
					t.Errorf("%q has no file, place and remedy", line)
				}
			}
			mustContain(t, "error", err.Error(), c.want)
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("a password in the error: %v", err)
			}
		})
	}
}

// TestConfigFaultsTogether: an author hears of everything at once, in the order of the file.
func TestConfigFaultsTogether(t *testing.T) {
	_, _, err := load(t, "cache_mb: -1\ndeployment:\n  time_zone: Mars\n  clock: sun\nprefix: a b\n")
	if err == nil {
		t.Fatal("accepted")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d faults, want 4:\n%v", len(lines), err)
	}
	for i, want := range []string{"line 1,", "line 3,", "line 4,", "line 5,"} {
		mustContain(t, "fault", lines[i], want)
	}
}

func TestConfigDefaults(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", filepath.Join("some", "where"))
	for name, text := range map[string]string{"no keys": "# nothing\n", "empty": "", "nulls": "prefix:\nkafka:\ncache_mb: ~\n"} {
		t.Run(name, func(t *testing.T) {
			c, _, err := load(t, text)
			if err != nil {
				t.Fatal(err)
			}
			if c.Prefix != "portrait" || c.HTTP != "127.0.0.1:8280" || c.DataDir != filepath.Join("some", "where", "portrait") {
				t.Errorf("%+v", c)
			}
			d, want := c.proposal(), schemas.DefaultDeployment()
			want.ID = d.ID
			if d.Hash() != want.Hash() || d.ID == "" {
				t.Errorf("deployment %+v", d)
			}
		})
	}
}

// TestExampleConfig: the example loads, sets what it says, and leaves out no key.
func TestExampleConfig(t *testing.T) {
	t.Setenv(envKafkaPassword, "hush")
	t.Setenv(envS3Secret, "hush")
	c, err := LoadConfig(exampleConfig)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Kafka.Brokers) != 2 || !c.Kafka.TLS.Enabled || c.Kafka.TLS.CAFile == "" || c.Kafka.SASL.Mechanism != "scram-sha-512" ||
		c.Kafka.SASL.Password != "hush" || c.Snapshots.S3.SecretKey != "hush" || c.Snapshots.Keep != 2 || c.CacheMB != 1024 || c.Deployment.Replication != 3 || len(c.Deployment.SensitiveProps) != 5 {
		t.Errorf("%v", c)
	}
	if d := c.proposal(); d.InboxPartitions != 8 || d.ID != "shop-production" {
		t.Errorf("deployment %+v", d)
	}
	text, err := os.ReadFile(exampleConfig)
	if err != nil {
		t.Fatal(err)
	}
	var keys func(reflect.Type)
	keys = func(of reflect.Type) {
		for i := range of.NumField() {
			f := of.Field(i)
			if key := f.Tag.Get("yaml"); !strings.Contains(string(text), key+":") {
				t.Errorf("the example does not explain %s", key)
			}
			if f.Type.Kind() == reflect.Struct {
				keys(f.Type)
			}
		}
	}
	keys(reflect.TypeFor[Config]())
}

func TestConfigSecrets(t *testing.T) {
	const text = `kafka: {brokers: ['a:1'], sasl: {mechanism: plain, user: u, password: in-the-file}}
clickhouse: {dsn: 'clickhouse://ann:in-the-file@ch:9000/portrait'}
snapshots: {s3: {endpoint: 'https://s3.example', bucket: b, access_key: a, secret_key: in-the-file}}
`
	c, _, err := load(t, text)
	if err != nil {
		t.Fatal(err)
	}
	if c.Kafka.SASL.Password != "in-the-file" || !strings.Contains(c.ClickHouse.DSN, "in-the-file") {
		t.Error("the file's own passwords do not count")
	}
	t.Setenv(envKafkaPassword, "hush-kafka")
	t.Setenv(envClickHousePassword, "hush-clickhouse")
	t.Setenv(envS3Secret, "hush-s3")
	t.Setenv("PORTRAIT_PREFIX", "other")
	if c, _, err = load(t, text); err != nil {
		t.Fatal(err)
	}
	if c.Snapshots.S3.SecretKey != "hush-s3" || c.Kafka.SASL.Password != "hush-kafka" || c.ClickHouse.DSN != "clickhouse://ann:hush-clickhouse@ch:9000/portrait" || c.Prefix != "portrait" {
		t.Error("the environment's passwords, and nothing else of it, should stand above the file's")
	}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprintf("%v %+v %#v %s %x", c, c, c, c, c), fmt.Sprint(&c), string(asJSON), configSummary(&c)} {
		if strings.Contains(printed, "hush") || strings.Contains(printed, "68757368") {
			t.Errorf("a password is printed: %s", printed)
		}
	}
	mustContain(t, "JSON", string(asJSON), "ch:9000", "a:1")
}

// TestClickHouseAddresses: what the driver can dial is accepted, with HTTP also without a port.
func TestClickHouseAddresses(t *testing.T) {
	for _, dsn := range []string{"clickhouse://portrait@ch:9000/portrait", "tcp://ch:9000", "clickhouse://u:p@a:9000,b:9000/p", "clickhouse://u@[::1]:9000/p",
		"clickhouse://a:9000/p?alt_hosts=b:9000", "http://ch:8123/p", "http://ch/p", "https://ch/p?secure=true"} {
		if _, _, err := load(t, "clickhouse: {dsn: '"+dsn+"'}\n"); err != nil {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}
