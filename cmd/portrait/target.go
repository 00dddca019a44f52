package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"portrait/pipeline"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
)

// askTimeout bounds how long a command waits for a broker that does not answer.
const askTimeout = 15 * time.Second

// exitNotFound is the exit code of a question whose answer is "there is none"; failures are 1.
const exitNotFound = 3

// exitError ends the process with a code of its own.
type exitError struct {
	code int
	err  error
}

// Error implements error.
func (e *exitError) Error() string { return e.err.Error() }

// Unwrap gives errors.Is what happened.
func (e *exitError) Unwrap() error { return e.err }

// exitCode is what the process ends with after err.
func exitCode(err error) int {
	var e *exitError
	if errors.As(err, &e) {
		return e.code
	}
	return 1
}

// targetFlags say which deployment a command speaks to.
type targetFlags struct{ data, config string }

func (f *targetFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.data, "data", "", "data directory of the service (default: that of the configuration)")
	c.Flags().StringVar(&f.config, "config", "", "configuration file (YAML) of the service")
}

// find loads the configuration and looks for a service that runs on the data directory.
func (f *targetFlags) find() (*target, error) {
	config, err := LoadConfig(f.config)
	if err != nil {
		return nil, err
	}
	if f.data != "" {
		config.DataDir = f.data
	}
	running, err := findRunning(config.DataDir)
	if errors.Is(err, errNotRunning) {
		running, err = nil, nil
	}
	return &target{config: config, running: running}, err
}

// target is the deployment a command speaks to.
type target struct {
	config  Config
	running *Running // nil: no service of this machine runs on the data directory
}

// unreachable names what a command needs and how to get it.
func (t *target) unreachable() error {
	return fmt.Errorf("%w of data directory %s, and the configuration names no brokers; "+
		"start `portrait run`, or name its directory with --data or its configuration with --config", errNotRunning, t.config.DataDir)
}

// admin connects to the deployment's brokers: those of the configuration, which may need TLS and a
// password, else those of the running service.
func (t *target) admin(ctx context.Context) (*pipeline.Admin, error) {
	config, prefix := t.config.Kafka, t.config.Prefix
	if t.running != nil {
		prefix = t.running.Prefix
		if len(config.Brokers) == 0 {
			config = kafka.Config{Brokers: t.running.Brokers}
		}
	}
	if len(config.Brokers) == 0 {
		return nil, t.unreachable()
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	a, err := pipeline.OpenAdmin(ctx, config, prefix)
	if err != nil && (config.TLS.Enabled || config.SASL.Mechanism != "") {
		// Brokers answer a wrong password or a plaintext client by closing the connection, without a word.
		err = fmt.Errorf("%w; if the brokers are there, check kafka.tls, kafka.sasl and the password", err)
	}
	return a, err
}

// stopped opens the state of a service that does not run.
func (t *target) stopped() (*pipeline.Stopped, error) {
	return pipeline.OpenStopped(filepath.Join(t.config.DataDir, "state"))
}

// keys returns the deployment's key as the service would find it. It makes none: the error wraps
// normalize.ErrNoKey then.
func (t *target) keys() (normalize.Keys, error) {
	file := t.config.KeyFile
	if file == "" {
		file = filepath.Join(t.config.DataDir, "key")
	}
	return normalize.LoadKeys(os.Getenv(normalize.EnvKey), file)
}
