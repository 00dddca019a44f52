package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// TestSecureBroker runs a service and commands from a configuration file against a broker that wants TLS and
// a password, which comes from the environment: what is configured reaches every connection.
func TestSecureBroker(t *testing.T) {
	certificate, ca := loopbackCertificate(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "ann", "hush"),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}}))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "portrait.yaml")
	text := fmt.Sprintf(`data_dir: %s
prefix: shop
http: 127.0.0.1:0
kafka:
  brokers: [%q]
  tls: {enabled: true, ca_file: %s}
  sasl: {mechanism: scram-sha-512, user: ann}
clickhouse: {off: true}
`, filepath.Join(dir, "data"), cluster.ListenAddrs()[0], ca)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PORTRAIT_KEY", strings.Repeat("cd", 32))
	t.Setenv(envKafkaPassword, "hush")
	config, err := LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := StartService(t.Context(), config, Catalogs{First: []byte(shopCatalog)}, slog.New(slog.NewTextHandler(io.Discard, nil)), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error("service:", err)
		}
		s.Close()
	}()
	d := &deployment{dir: config.DataDir, service: s}
	d.send(t, fmt.Sprintf(`{"event":"order_paid","time":%d,"identifiers":{"device_id":"d1"}}`, time.Now().UnixMilli()))
	limit, stop := context.WithTimeout(t.Context(), startLimit)
	defer stop()
	for {
		out, _, err := runCommandLine(t, "", "profile", "device_id:d1", "--config", file)
		if err == nil && strings.Contains(out, `"buyer": true`) {
			break
		}
		if pause(limit, 50*time.Millisecond) != nil {
			t.Fatalf("the event was never counted: %s%v", out, err)
		}
	}
	out, _, err := runCommandLine(t, "", "topics", "--config", file)
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, "topics", out, "shop.events", "shop.machine")
	_, _, err = runCommandLine(t, "", "sql", "SELECT 1", "--config", file)
	mustFail(t, err, 1, "does not embed ClickHouse")

	t.Setenv(envKafkaPassword, "guessed")
	soon, enough := context.WithTimeout(t.Context(), 2*time.Second)
	defer enough()
	c := root()
	c.SetArgs([]string{"topics", "--config", file})
	err = c.ExecuteContext(soon)
	mustFail(t, err, 1, "kafka.sasl and the password")
	if strings.Contains(err.Error(), "guessed") {
		t.Errorf("the password is repeated: %v", err)
	}
}

// loopbackCertificate returns a certificate for 127.0.0.1 and the file of its authority.
func loopbackCertificate(t *testing.T) (tls.Certificate, string) {
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
