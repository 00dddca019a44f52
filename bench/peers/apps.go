package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Portrait is the name of the application that the others are compared with.
const Portrait = "portrait"

// variant is an application with its settings for a question.
type variant struct {
	name      string
	guarantee string // of Kafka Streams; empty: Portrait
	commit    int    // ms
}

// drains and lives are who is asked, in the order of the first round. Kafka Streams gets its best settings for each
// question: writes of a second gathered for a drain, nothing gathered for latency. In exactly-once mode nobody sees a change before
// its transaction is committed, and two follow each other, so the interval of commits is the latency.
var (
	drains = []variant{{Portrait, "", 0}, {"streams-exactly-once", exactlyOnce, 1000}, {"streams-at-least-once", atLeastOnce, 1000}}
	lives  = []variant{{Portrait, "", 0}, {"streams-exactly-once-30ms", exactlyOnce, 30}, {"streams-exactly-once-100ms", exactlyOnce, 100},
		{"streams-at-least-once", atLeastOnce, 1000}}
)

const (
	exactlyOnce = "exactly_once_v2"
	atLeastOnce = "at_least_once"
)

// partitions of every topic: two cores drive no more, and both have as many.
const partitions = 4

// app is an application that can be started.
type app interface {
	// start returns when every partition is being worked on.
	start(ctx context.Context) error
	pid() int
	stop() error
	// kill ends it if it runs.
	kill()
}

// service is `portrait run` without ClickHouse.
type service struct {
	command []string
	dir     string
	*process
}

func newService(command []string, dir, prefix, broker string, catalog []byte) (*service, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	config, file := filepath.Join(dir, "portrait.yaml"), filepath.Join(dir, "catalog.yaml")
	key := filepath.Join(filepath.Dir(dir), "key")
	text := fmt.Sprintf("data_dir: %q\nhttp: 127.0.0.1:0\nprefix: %q\ncatalog: %q\nkey_file: %q\nkafka: {brokers: [%q]}\nclickhouse: {off: true}\n"+
		"deployment: {events_partitions: %d, inbox_partitions: %d}\n", dir, prefix, file, key, broker, partitions, partitions)
	return &service{command: append(append([]string{}, command...), "run", "--config", config), dir: dir},
		errors.Join(os.WriteFile(config, []byte(text), 0o600), os.WriteFile(file, catalog, 0o600))
}

func (s *service) start(ctx context.Context) (err error) {
	if s.process, err = launch(s.command, filepath.Join(s.dir, "log")); err != nil {
		return err
	}
	return s.await(ctx, s.ready)
}

var errSilent = errors.New("it has not announced itself")

// ready asks the process that announced itself whether it does its work.
func (s *service) ready(ctx context.Context) error {
	var running struct {
		PID  int    `json:"pid"`
		HTTP string `json:"http"`
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "running.json"))
	if err != nil || json.Unmarshal(text, &running) != nil || running.PID != s.pid() {
		return errSilent // or it is half of what it says, or that of the process before
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+running.HTTP+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	said, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	return errors.Join(errors.New(strings.TrimSpace(string(said))), err)
}

func (s *service) stop() error { return s.process.stop(true) }

func (s *service) kill() {
	if s.process != nil {
		s.process.kill()
	}
}

// streams is the application on Kafka Streams.
type streams struct {
	command []string
	dir     string
	*process
}

// tune says which question an application is set up for.
type tune string

const (
	forDrain tune = "drain"
	forLive  tune = "latency"
)

// heap is more than it needs with caches of half a gigabyte.
const heap = "-Xmx2g"

func newStreams(classes, dir, broker, id, input, output string, v variant, t tune) (*streams, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	command := []string{"java", heap, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classes, "portrait.peer.Main"}
	for _, setting := range [][2]string{{"brokers", broker}, {"id", id}, {"state", filepath.Join(dir, "state")}, {"input", input}, {"output", output},
		{"partitions", strconv.Itoa(partitions)}, {"threads", "2"}, {"tune", string(t)}, {"guarantee", v.guarantee}, {"commit", strconv.Itoa(v.commit)}} {
		command = append(command, setting[0]+"="+setting[1])
	}
	return &streams{command: command, dir: dir}, nil
}

func (s *streams) start(ctx context.Context) (err error) {
	if s.process, err = launch(s.command, filepath.Join(s.dir, "log")); err != nil {
		return err
	}
	return s.await(ctx, func(context.Context) error {
		text, err := os.ReadFile(s.log)
		if err == nil && !bytes.Contains(text, []byte("READY\n")) {
			err = errSilent
		}
		return err
	})
}

func (s *streams) stop() error { return s.process.stop(false) }

func (s *streams) kill() {
	if s.process != nil {
		s.process.kill()
	}
}
