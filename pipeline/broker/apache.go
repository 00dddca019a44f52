package broker

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	local "portrait/deploy/local/kafka"
	"portrait/pipeline/kafka"
)

// ErrToolMissing says that Java or Maven is not installed.
var ErrToolMissing = errors.New("Apache Kafka needs java (17 or newer) and mvn on the PATH")

// startWithin bounds the start of a node whose jars are there; it takes 3 s on a quiet machine.
const startWithin = 90 * time.Second

// ApacheConfig says where a local Apache Kafka node lives.
type ApacheConfig struct {
	Dir      string // data, configuration and log
	CacheDir string // of jars; empty: portrait/ in the user's cache directory
	Port     int    // on 127.0.0.1; 0: any free one
}

// Apache is a running Apache Kafka node, a child process.
type Apache struct {
	addr   string
	cmd    *exec.Cmd
	exited chan struct{}
	log    *os.File
}

// StartApache fetches the jars through Maven if the cache does not have them (54 MB), formats Dir if it
// is new, starts the node and waits until it answers. It fails with ErrToolMissing without Java or Maven.
func StartApache(ctx context.Context, config ApacheConfig) (*Apache, error) {
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrToolMissing, err)
		}
	}
	libs, err := fetchJars(ctx, config.CacheDir)
	if err != nil {
		return nil, fmt.Errorf("apache kafka: %w", err)
	}
	dir, err := filepath.Abs(config.Dir)
	if err != nil {
		return nil, fmt.Errorf("apache kafka: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("apache kafka: %w", err)
	}
	port, controller, err := choosePorts(config.Port)
	if err != nil {
		return nil, fmt.Errorf("apache kafka: %w", err)
	}
	properties := filepath.Join(dir, "server.properties")
	text := strings.NewReplacer(
		"@PORT@", strconv.Itoa(port), "@CONTROLLER_PORT@", strconv.Itoa(controller), "@DIR@", filepath.ToSlash(dir),
	).Replace(local.ServerProperties)
	if err := os.WriteFile(properties, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("apache kafka: %w", err)
	}
	classes := filepath.Join(libs, "*")
	if _, err := os.Stat(filepath.Join(dir, "data", "meta.properties")); err != nil {
		format := exec.CommandContext(ctx, "java", "-cp", classes, "kafka.tools.StorageTool", "format",
			"-t", clusterID(), "-c", properties)
		if out, err := format.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("apache kafka: format %s: %w: %s", dir, err, tail(out))
		}
	}
	a, err := launch(dir, classes, properties)
	if err != nil {
		return nil, fmt.Errorf("apache kafka: %w", err)
	}
	a.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := a.ready(ctx); err != nil {
		a.Close()
		out, _ := os.ReadFile(a.log.Name()) // the reason is in err; this is only what the node said last
		return nil, fmt.Errorf("apache kafka on %s: %w: %s", a.addr, err, tail(out))
	}
	return a, nil
}

// Addr returns host:port.
func (a *Apache) Addr() string { return a.addr }

// PID returns the process id of the node.
func (a *Apache) PID() int { return a.cmd.Process.Pid }

// Done is closed when the node has ended, in whatever way.
func (a *Apache) Done() <-chan struct{} { return a.exited }

// Stop ends the node as an operator would, with its log closed and its leadership given up, and waits for it. One that does
// not end in time is killed, and the error says so.
func (a *Apache) Stop(limit time.Duration) error {
	defer a.Close()
	if err := a.cmd.Process.Signal(os.Interrupt); err != nil {
		return fmt.Errorf("apache kafka: stop: %w", err)
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-a.exited:
		return nil
	case <-timer.C:
		return fmt.Errorf("apache kafka: still there %v after it was asked to stop; killed", limit)
	}
}

// Close kills the node, as a crash would, and waits until it is gone.
func (a *Apache) Close() {
	_ = a.cmd.Process.Kill() // it fails only for a process that is gone
	<-a.exited
	_ = a.log.Close() // the child held a copy of its own; nothing of ours was buffered
}

func launch(dir, classes, properties string) (*Apache, error) {
	log, err := os.OpenFile(filepath.Join(dir, "kafka.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("java", "-Xmx768m", "-cp", classes, "kafka.Kafka", properties)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	a := &Apache{cmd: cmd, exited: make(chan struct{}), log: log}
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(a.exited)
	}()
	return a, nil
}

// ready waits until the node answers as the leader of its cluster.
func (a *Apache) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{a.addr}})
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		err := client.Ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-a.exited:
			return errors.New("the node ended while starting")
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// choosePorts returns the broker's port, asked for or free, and a free one for the controller.
func choosePorts(port int) (broker, controller int, err error) {
	var listeners []net.Listener
	defer func() {
		for _, l := range listeners {
			err = errors.Join(err, l.Close())
		}
	}()
	ports := [2]int{}
	for i, want := range []int{port, 0} {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(want)))
		if err != nil {
			return 0, 0, err
		}
		listeners = append(listeners, l)
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports[0], ports[1], nil
}

// clusterID returns sixteen random bytes as Kafka writes them.
func clusterID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[0] &= 0x7f           // or it could begin with "-", which the tool takes for an option
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// tail returns the last part of an output.
func tail(out []byte) string {
	const most = 2000
	if len(out) > most {
		out = out[len(out)-most:]
	}
	return strings.TrimSpace(string(out))
}
