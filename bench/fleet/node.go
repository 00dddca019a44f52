package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// StartLimit bounds how long a process may take until it is of use: two seconds is usual, one that catches up with an outage of
// others takes its time.
const StartLimit = 2 * time.Minute

// Node is one `portrait run` process, and those before it on the same data. It may be asked by anybody while one goroutine
// starts and ends its processes.
type Node struct {
	Name    string
	current atomic.Pointer[Process]
	dir     string // data, and beside it NAME.log and NAME.yaml
	command []string
}

// Process is the one that runs, or ran last; nil before the first start.
func (n *Node) Process() *Process { return n.current.Load() }

// NewNode writes the configuration of a node whose data are in dir/name: YAML without data_dir and http, which are added.
// Command starts portrait.
func NewNode(command []string, dir, name, config string) (*Node, error) {
	n := &Node{Name: name, dir: filepath.Join(dir, name)}
	file := n.dir + ".yaml"
	n.command = append(append([]string{}, command...), "run", "--config", file)
	text := fmt.Sprintf("data_dir: %q\nhttp: 127.0.0.1:0\n%s", n.dir, config)
	return n, os.WriteFile(file, []byte(text), 0o600)
}

// Start launches the node and waits until it is ready.
func (n *Node) Start(ctx context.Context) error {
	if err := n.Launch(); err != nil {
		return err
	}
	return n.WaitReady(ctx)
}

// Launch starts the process and does not wait for anything.
func (n *Node) Launch() error {
	p, err := Launch(n.command, n.dir+".log")
	if err == nil {
		n.current.Store(p)
	}
	return err
}

// WaitReady waits until the process that was launched says that it does its work.
func (n *Node) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, StartLimit)
	defer cancel()
	for {
		_, why := n.ask(ctx, "/readyz")
		if why == nil {
			return nil
		}
		select {
		case <-n.Process().Exited():
			return n.Process().EndedEarly()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %w", n.Name, why, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// errSilent says that the process has not announced itself.
var errSilent = errors.New("it has not announced itself")

// Announced reports whether the process that runs has announced itself: its parts are open, and it joins the others.
func (n *Node) Announced() bool {
	_, err := n.addr()
	return err == nil
}

// addr is where the process that runs answers.
func (n *Node) addr() (string, error) {
	var running struct {
		PID  int    `json:"pid"`
		HTTP string `json:"http"`
	}
	text, err := os.ReadFile(filepath.Join(n.dir, "running.json"))
	if p := n.Process(); err != nil || json.Unmarshal(text, &running) != nil || p == nil || running.PID != p.PID() {
		return "", errSilent // or it is that of the process before, or half of one
	}
	return running.HTTP, nil
}

// ask gets a page of the process.
func (n *Node) ask(ctx context.Context, path string) (string, error) {
	addr, err := n.addr()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4<<20))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(text)))
	}
	return string(text), err
}

// sample is a line of metrics: name, partition if that is its only label, value.
var sample = regexp.MustCompile(`(?m)^(\w+)(?:\{partition="(\d+)"\})? (\S+)$`)

// Metrics are what a process says of itself at one instant.
type Metrics struct {
	Whole map[string]float64         // of the process
	Each  map[string]map[int]float64 // by partition: of those that it has
}

// Metrics asks the process.
func (n *Node) Metrics(ctx context.Context) (*Metrics, error) {
	text, err := n.ask(ctx, "/metrics")
	if err != nil {
		return nil, fmt.Errorf("%s: metrics: %w", n.Name, err)
	}
	m := &Metrics{Whole: map[string]float64{}, Each: map[string]map[int]float64{}}
	for _, line := range sample.FindAllStringSubmatch(text, -1) {
		value, err := strconv.ParseFloat(line[3], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: metric %s: %w", n.Name, line[1], err)
		}
		if line[2] == "" {
			m.Whole[line[1]] = value
			continue
		}
		partition, err := strconv.Atoi(line[2])
		if err != nil {
			return nil, fmt.Errorf("%s: metric %s: %w", n.Name, line[1], err)
		}
		if m.Each[line[1]] == nil {
			m.Each[line[1]] = map[int]float64{}
		}
		m.Each[line[1]][partition] = value
	}
	return m, nil
}

// LogSince returns what the log has behind a place, and its new end: what a process said since.
func (n *Node) LogSince(place int64) (text string, end int64, err error) {
	f, err := os.Open(n.dir + ".log")
	if errors.Is(err, os.ErrNotExist) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	if _, err := f.Seek(place, io.SeekStart); err != nil {
		return "", 0, err
	}
	said, err := io.ReadAll(f)
	return string(said), place + int64(len(said)), err
}
