package main

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// Two processes that share the roles are one deployment: each does only its own, and together everything.
func TestRoles(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds of load: not with -short")
	}
	needEngine(t)
	t.Parallel()
	p := startParts(t, "")
	start := func(name, roles string) *process {
		data, config := p.node(t, name, loadPartitions)
		text, err := os.ReadFile(config)
		if err == nil {
			err = os.WriteFile(config, fmt.Appendf(text, "roles: [%s]\n", roles), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return startProcess(t.Context(), t, data, config)
	}
	edge := start("edge", "router, sink")
	heart := start("heart", "machine")
	f := newFeeder(t.Context(), t, loadPartitions, loadRate, 10*time.Second, 5)
	f.connect(t, []string{p.broker})
	f.start()
	f.wait(t)
	openWorld(t, f, p.engine.DSN(), p.keyFile).judge(t)
	for _, c := range []struct {
		process          *process
		inboxes, routers int
	}{{edge, 0, loadPartitions}, {heart, loadPartitions, 0}} {
		inboxes, routers := len(c.process.metrics(t, "portrait_inbox_lag_records")), len(c.process.metrics(t, "portrait_events_lag_records"))
		if inboxes != c.inboxes || routers != c.routers {
			t.Errorf("%d inbox and %d events partitions, want %d and %d", inboxes, routers, c.inboxes, c.routers)
		}
	}
}

// Without the role nothing is stored, so no ClickHouse is needed.
func TestSinklessConfig(t *testing.T) {
	c, _, err := load(t, "kafka: {brokers: ['a:1']}\nroles: [router, machine]\n")
	if err != nil {
		t.Fatal(err)
	}
	if c.sinks() || !c.has(roleRouter) || !c.has(roleMachine) {
		t.Errorf("roles %v are not taken for what they are", c.Roles)
	}
}
