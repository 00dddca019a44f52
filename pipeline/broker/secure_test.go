package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"portrait/pipeline/kafka"
)

// TLS and SASL reach everything that opens connections: requests, fetches and group membership.
func TestSecureConnections(t *testing.T) {
	certificate, ca := selfSigned(t)
	for _, c := range []struct {
		name    string
		change  func(*kafka.Config)
		refused bool
	}{
		{"scram-sha-256", func(*kafka.Config) {}, false},
		{"scram-sha-512", func(c *kafka.Config) { c.SASL = kafka.SASL{Mechanism: "scram-sha-512", User: "b", Password: "bb"} }, false},
		{"plain", func(c *kafka.Config) { c.SASL = kafka.SASL{Mechanism: "plain", User: "c", Password: "cc"} }, false},
		{"wrong password", func(c *kafka.Config) { c.SASL.Password = "wrong" }, true},
		{"unknown authority", func(c *kafka.Config) { c.TLS.CAFile = "" }, true},
		{"no tls", func(c *kafka.Config) { c.TLS = kafka.TLS{} }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(),
				kfake.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}}),
				kfake.Superuser("SCRAM-SHA-256", "a", "aa"), kfake.Superuser("SCRAM-SHA-512", "b", "bb"), kfake.Superuser("PLAIN", "c", "cc"))
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			config := kafka.Config{
				Brokers: cluster.ListenAddrs(), TLS: kafka.TLS{Enabled: true, CAFile: ca},
				SASL: kafka.SASL{Mechanism: "scram-sha-256", User: "a", Password: "aa"},
			}
			c.change(&config)
			client, err := kafka.NewClient(config)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if c.refused {
				ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
				defer cancel()
				if err := client.Ping(ctx); err == nil {
					t.Error("the broker let us in")
				}
				return
			}
			ensure(t, client, kafka.CleanupDelete)
			p := producer(t, client)
			if err := p.Send(deadline(t), "t", 0, kafka.Record{Value: number(0)}, nil); err != nil {
				t.Fatal(err)
			}
			firsts(t, readOne(t, client), 1)
			group, err := kafka.NewGroup(client, kafka.GroupConfig{ID: "g", Topic: "t", OnError: func(err error) { t.Log(err) }})
			if err != nil {
				t.Fatal(err)
			}
			joined := errors.New("joined")
			if err := group.Run(deadline(t), func(_ context.Context, assigned []int) error { return joined }); !errors.Is(err, joined) {
				t.Errorf("group: %v", err)
			}
		})
	}
}

func readOne(t *testing.T, client *kafka.Client) []kafka.Record {
	t.Helper()
	f := kafka.NewFetcher(client, "t", 0, 0)
	for {
		batch, err := f.Next(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		if len(batch.Records) > 0 {
			return batch.Records
		}
	}
}

// selfSigned returns a certificate for loopback and the file of its authority.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
