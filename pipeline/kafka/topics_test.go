package kafka_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"portrait/pipeline/kafka"
)

// A topic that is not as it must be is named with its remedy; one that is, or allows more, is not.
func TestVerifyTopics(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		made := kafka.TopicSpec{
			Name: newTopic(t, client, 3, func(s *kafka.TopicSpec) { s.Retention = 7 * 24 * time.Hour }), Partitions: 3,
			Cleanup: kafka.CleanupDelete, MaxMessageBytes: 6 << 20,
		}
		for _, c := range []struct {
			name   string
			change func(*kafka.TopicSpec)
			want   []string // parts of the error; none: no error
		}{
			{"as it is", func(*kafka.TopicSpec) {}, nil},
			{"allows more", func(s *kafka.TopicSpec) { s.MaxMessageBytes = 4 << 20 }, nil},
			{"partitions", func(s *kafka.TopicSpec) { s.Partitions = 4 }, []string{"3 partitions", "says 4", "another topic prefix"}},
			{"record size", func(s *kafka.TopicSpec) { s.MaxMessageBytes = 7 << 20 }, []string{"max.message.bytes=6291456", "at least 7340032", "alter"}},
			{"cleanup", func(s *kafka.TopicSpec) { s.Cleanup = kafka.CleanupCompact }, []string{"cleanup.policy=delete", "want compact", "alter"}},
			{"all of it", func(s *kafka.TopicSpec) { s.Partitions, s.Cleanup = 1, kafka.CleanupCompact }, []string{"partitions", "cleanup.policy"}},
			{"no sense", func(s *kafka.TopicSpec) { s.Partitions = 0 }, []string{"needs partitions"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				spec := made
				c.change(&spec)
				err := kafka.EnsureTopics(deadline(t), client, []kafka.TopicSpec{spec})
				if (err == nil) != (c.want == nil) {
					t.Fatalf("error %v", err)
				}
				for _, part := range c.want {
					if !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), spec.Name) {
						t.Errorf("error %q does not say %q", err, part)
					}
				}
			})
		}
	})
}

// With a wrong address nothing would ever be heard of a start that waits: it is told once, with the reason.
func TestWaitingForBrokersIsTold(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(deadline(t))
	var told []error
	client.OnWaiting(func(reason error) { told = append(told, reason); cancel() })
	err = kafka.EnsureTopics(ctx, client, []kafka.TopicSpec{{Name: "t", Partitions: 1, Cleanup: kafka.CleanupDelete, MaxMessageBytes: 1 << 20}})
	if len(told) != 1 || told[0] == nil {
		t.Fatalf("told %v", told)
	}
	if err == nil || !strings.Contains(err.Error(), addr) {
		t.Fatalf("error %v does not name %s", err, addr)
	}
}

func TestConfigValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		config kafka.Config
		want   string // part of the error; empty: valid
	}{
		{"plain", kafka.Config{Brokers: []string{"127.0.0.1:9092"}}, ""},
		{"no brokers", kafka.Config{}, "no brokers"},
		{"no port", kafka.Config{Brokers: []string{"localhost"}}, "host:port"},
		{"tls off", kafka.Config{Brokers: []string{"b:1"}, TLS: kafka.TLS{CAFile: "ca.pem"}}, "not enabled"},
		{"half a certificate", kafka.Config{Brokers: []string{"b:1"}, TLS: kafka.TLS{Enabled: true, CertFile: "c.pem"}}, "go together"},
		{"missing ca", kafka.Config{Brokers: []string{"b:1"}, TLS: kafka.TLS{Enabled: true, CAFile: "no-such.pem"}}, "no-such.pem"},
		{"mechanism", kafka.Config{Brokers: []string{"b:1"}, SASL: kafka.SASL{Mechanism: "gssapi", User: "u", Password: "p"}}, "gssapi"},
		{"no password", kafka.Config{Brokers: []string{"b:1"}, SASL: kafka.SASL{Mechanism: "plain", User: "u"}}, "password"},
		{"no mechanism", kafka.Config{Brokers: []string{"b:1"}, SASL: kafka.SASL{User: "u"}}, "sasl.mechanism"},
		{"scram", kafka.Config{Brokers: []string{"b:1"}, SASL: kafka.SASL{Mechanism: "scram-sha-512", User: "u", Password: "p"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := kafka.NewClient(c.config)
			if err == nil {
				client.Close()
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
