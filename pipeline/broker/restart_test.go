package broker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"portrait/pipeline/kafka"
)

// childDir makes this test binary hold an embedded broker in that directory until it is killed.
const childDir = "PORTRAIT_TEST_BROKER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		b, err := Start(Config{Dir: dir})
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(b.Addr())
		_, _ = bufio.NewReader(os.Stdin).ReadByte() // until the parent is gone
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child starts a process that holds the broker.
func child(t *testing.T, dir string) (addr string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed: that is its error
		_ = stdin.Close()
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error") {
		kill()
		t.Fatalf("child said %q, %v", line, err)
	}
	return strings.TrimSpace(line), kill
}

// kill -9 of the process that holds the broker, under load and several times: every acknowledged record
// is there afterwards, in order, at the same address, and producers and groups go on by themselves.
func TestKilledBrokerKeepsAcknowledgedRecords(t *testing.T) {
	ctx := deadline(t)
	dir := t.TempDir()
	addr, kill := child(t, dir)
	defer func() { kill() }()
	client := connect(t, addr)
	ensure(t, client, kafka.CleanupDelete)
	p := producer(t, client)
	var sent, acked atomic.Int64
	sending, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; sending.Err() == nil; i++ {
			value := append(number(i), bytes.Repeat([]byte("x"), 300)...)
			if err := p.Send(ctx, "t", 0, kafka.Record{Value: value}, func() { acked.Add(1) }); err != nil {
				t.Error(err)
				return
			}
			sent.Add(1)
		}
	}()
	for round := int64(1); round <= 3; round++ {
		for target := acked.Load() + 3000; acked.Load() < target; {
			if ctx.Err() != nil {
				t.Fatalf("round %d: %d acknowledged; %+v", round, acked.Load(), p.Stats())
			}
			if _, _, err := client.Offsets(ctx, "t", 0); err != nil {
				t.Log(err)
			}
		}
		kill()
		safe := acked.Load()
		again, killAgain := child(t, dir)
		kill = killAgain
		if again != addr {
			t.Fatalf("came back on %s, was on %s", again, addr)
		}
		records := readAll(t, connect(t, again))
		if len(records) < int(safe) {
			t.Fatalf("round %d: %d records after the kill, %d were acknowledged", round, len(records), safe)
		}
	}
	stop()
	<-ended
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	repeats := firsts(t, readAll(t, client), int(sent.Load()))
	t.Logf("%d records, %d came twice", sent.Load(), repeats)
}

func readAll(t *testing.T, client *kafka.Client) []kafka.Record {
	t.Helper()
	records, err := kafka.ReadAll(deadline(t), client, "t", 0)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// An idempotent producer goes on after a clean restart and after a kill -9 behind it: what was known of its sequence
// at the clean stop is old by then. It would end for good with an error that applications do not expect.
func TestIdempotentProducerGoesOn(t *testing.T) {
	ctx := deadline(t)
	dir := t.TempDir()
	b, err := Start(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ensure(t, connect(t, b.Addr()), kafka.CleanupDelete)
	sender, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.StopProducerOnDataLossDetected())
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	sent := 0
	send := func(when string) {
		t.Helper()
		for range 10 {
			record := &kgo.Record{Topic: "t", Partition: 0, Value: number(sent)}
			if err := sender.ProduceSync(ctx, record).FirstErr(); err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			sent++
		}
	}
	send("at first")
	b.Close()
	_, kill := child(t, dir)
	defer func() { kill() }()
	send("after a clean restart")
	kill()
	_, kill = child(t, dir)
	send("after a kill -9")
	firsts(t, readAll(t, connect(t, b.Addr())), sent)
}

// A clean restart keeps records, topics with their configuration, committed offsets and the port.
func TestRestart(t *testing.T) {
	ctx := deadline(t)
	dir := t.TempDir()
	spec := kafka.TopicSpec{Name: "t", Partitions: 3, Cleanup: kafka.CleanupCompact, MaxMessageBytes: 4 << 20}
	addr := ""
	for round := range 3 {
		b, err := Start(Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if round > 0 && b.Addr() != addr {
			t.Errorf("came back on %s, was on %s", b.Addr(), addr)
		}
		addr = b.Addr()
		client := connect(t, addr)
		if err := kafka.EnsureTopics(ctx, client, []kafka.TopicSpec{spec}); err != nil {
			t.Fatal(err)
		}
		p := producer(t, client)
		if err := p.Send(ctx, "t", 2, kafka.Record{Key: number(round), Value: number(round)}, nil); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		records, err := kafka.ReadAll(ctx, client, "t", 2)
		if err != nil || len(records) != round+1 {
			t.Errorf("round %d: %d records, %v", round, len(records), err)
		}
		group, err := kafka.NewGroup(client, kafka.GroupConfig{ID: "g", Topic: "t"})
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			enough := errors.New("enough")
			if err := group.Run(ctx, func(context.Context, []int) error {
				group.Commit(2, 41)
				return enough
			}); !errors.Is(err, enough) {
				t.Fatal(err)
			}
		}
		if offset, err := group.Committed(ctx, 2); err != nil || offset != 41 {
			t.Errorf("round %d: committed %d, %v; want 41", round, offset, err)
		}
		b.Close()
	}
}

func TestStartFailures(t *testing.T) {
	dir := t.TempDir()
	b, err := Start(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var port int
	if _, err := fmt.Sscanf(b.Addr(), "127.0.0.1:%d", &port); err != nil {
		t.Fatalf("address %s: %v", b.Addr(), err)
	}
	other := t.TempDir()
	if err := os.WriteFile(other+"/"+portFile, fmt.Appendln(nil, port), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		config Config
		want   string // part of the error; empty: starts
	}{
		{"directory in use", Config{Dir: dir}, "in use"},
		{"port taken", Config{Port: port}, fmt.Sprint(port)},
		{"remembered port taken", Config{Dir: other}, ""},
		{"no directory", Config{Dir: dir + "/" + portFile + "/x"}, "not a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Start(c.config)
			if err == nil {
				b.Close()
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
