package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// metadataTTL is how long the client believes what it knows of topics and leaders. kafka-go's default
// of 6 s stalls writes for 5 s when a leader moves.
const metadataTTL = time.Second

// requestTimeout bounds a request that does not wait by design. Shorter repeats requests under a slow
// disk, longer leaves a dead connection undetected.
const requestTimeout = 10 * time.Second

// Config says how to reach a cluster. The zero value with Brokers set is a plaintext connection.
type Config struct {
	Brokers  []string `yaml:"brokers"`   // host:port, at least one
	ClientID string   `yaml:"client_id"` // shown in the brokers' logs; default "portrait"
	TLS      TLS      `yaml:"tls"`
	SASL     SASL     `yaml:"sasl"`
}

// TLS encrypts the connections.
type TLS struct {
	Enabled    bool   `yaml:"enabled"`
	CAFile     string `yaml:"ca_file"`     // PEM; empty: the system's authorities
	CertFile   string `yaml:"cert_file"`   // PEM, with KeyFile: a client certificate
	KeyFile    string `yaml:"key_file"`    // PEM
	ServerName string `yaml:"server_name"` // empty: the broker's host name
}

// SASL authenticates the client.
type SASL struct {
	Mechanism string `yaml:"mechanism"` // "" (none), plain, scram-sha-256 or scram-sha-512
	User      string `yaml:"user"`
	Password  string `yaml:"password"`
}

// Format hides the password from every verb.
func (s SASL) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "{%s %s}", s.Mechanism, s.User) }

// MarshalJSON hides the password.
func (s SASL) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"mechanism": s.Mechanism, "user": s.User})
}

// Validate reports the first setting that cannot work, with its remedy.
func (c *Config) Validate() error {
	if len(c.Brokers) == 0 {
		return errors.New("kafka: no brokers; name at least one host:port")
	}
	for _, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			return fmt.Errorf("kafka: broker %q is not host:port: %w", b, err)
		}
	}
	if !c.TLS.Enabled && (c.TLS.CAFile != "" || c.TLS.CertFile != "" || c.TLS.KeyFile != "" || c.TLS.ServerName != "") {
		return errors.New("kafka: tls has settings but is not enabled; set tls.enabled")
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		return errors.New("kafka: tls.cert_file and tls.key_file go together")
	}
	switch c.SASL.Mechanism {
	case "":
		if c.SASL.User != "" || c.SASL.Password != "" {
			return errors.New("kafka: sasl.user without sasl.mechanism; want plain, scram-sha-256 or scram-sha-512")
		}
	case "plain", "scram-sha-256", "scram-sha-512":
		if c.SASL.User == "" || c.SASL.Password == "" {
			return errors.New("kafka: sasl needs user and password")
		}
	default:
		return fmt.Errorf("kafka: sasl.mechanism %q; want plain, scram-sha-256 or scram-sha-512", c.SASL.Mechanism)
	}
	return nil
}

// Client holds the connections to one cluster. It is safe for concurrent use; Close it last.
type Client struct {
	config    Config
	transport *kafkago.Transport
	api       *kafkago.Client
	dialer    *kafkago.Dialer // group membership dials its coordinator itself
	waiting   func(error)     // nil: nobody is told
}

// OnWaiting sets who is told once, with the reason, when topics are to be made or verified and no broker has
// answered for a second or so, and then, with nil, when one has answered. It is asked for on until the context ends.
// Set it before the first use.
func (c *Client) OnWaiting(tell func(reason error)) { c.waiting = tell }

// NewClient prepares a client; connections are opened on demand, so it does not fail for a broker that
// is away.
func NewClient(config Config) (*Client, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.ClientID == "" {
		config.ClientID = "portrait"
	}
	encryption, err := config.TLS.build()
	if err != nil {
		return nil, err
	}
	mechanism, err := config.SASL.build()
	if err != nil {
		return nil, err
	}
	transport := &kafkago.Transport{
		Dial:        (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		DialTimeout: 5 * time.Second, MetadataTTL: metadataTTL, ClientID: config.ClientID,
		TLS: encryption, SASL: mechanism,
	}
	return &Client{
		config:    config,
		transport: transport,
		api: &kafkago.Client{
			Addr: kafkago.TCP(config.Brokers...), Timeout: requestTimeout, Transport: transport,
		},
		dialer: &kafkago.Dialer{
			ClientID: config.ClientID, Timeout: 5 * time.Second, KeepAlive: 15 * time.Second,
			DualStack: true, TLS: encryption, SASLMechanism: mechanism,
		},
	}, nil
}

// Config is what the client was made with: enough to make another.
func (c *Client) Config() Config { return c.config }

// Brokers returns the addresses the client was given.
func (c *Client) Brokers() []string { return c.config.Brokers }

// Close lets go of all connections; requests in flight end with an error or an answer.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

func (t *TLS) build() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("kafka: tls.ca_file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka: tls.ca_file %s holds no PEM certificate", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("kafka: tls.cert_file: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

func (s *SASL) build() (sasl.Mechanism, error) {
	switch strings.ToLower(s.Mechanism) {
	case "plain":
		return plain.Mechanism{Username: s.User, Password: s.Password}, nil
	case "scram-sha-256", "scram-sha-512":
		algorithm := scram.SHA256
		if s.Mechanism == "scram-sha-512" {
			algorithm = scram.SHA512
		}
		m, err := scram.Mechanism(algorithm, s.User, s.Password)
		if err != nil {
			return nil, fmt.Errorf("kafka: sasl: %w", err)
		}
		return m, nil
	}
	return nil, nil
}

// Ping asks a broker for the API versions it speaks: an answer means that the cluster can be reached
// and lets us in.
func (c *Client) Ping(ctx context.Context) error {
	if _, err := c.api.ApiVersions(ctx, &kafkago.ApiVersionsRequest{}); err != nil {
		return fmt.Errorf("ping %s: %w", strings.Join(c.config.Brokers, ","), describe(err))
	}
	return nil
}
