package main

import (
	"slices"
	"strings"
)

// The roles of a process. A deployment needs each of them somewhere, as often as the load asks for.
const (
	roleRouter  = "router"  // events to inboxes; keeps nothing
	roleMachine = "machine" // inboxes to tags, profiles and facts; keeps its state in the data directory
	roleSink    = "sink"    // facts to ClickHouse; keeps nothing
)

var allRoles = []string{roleRouter, roleMachine, roleSink}

// has reports whether this process has a role.
func (c *Config) has(role string) bool {
	return len(c.Roles) == 0 || slices.Contains(c.Roles, role)
}

// sinks reports whether this process stores facts in a ClickHouse.
func (c *Config) sinks() bool { return c.has(roleSink) && !c.ClickHouse.Off }

// roles checks which ones a process is to have. What is embedded belongs to one process: others would each have their own.
func (k *configChecker) roles(c *Config) {
	const key = "roles"
	all := strings.Join(allRoles, ", ")
	for i, role := range c.Roles {
		if !slices.Contains(allRoles, role) {
			k.fail(key, "use "+all+", or leave it out for all", "%q is no role", role)
		} else if slices.Contains(c.Roles[:i], role) {
			k.fail(key, "name it once", "%s stands there twice", role)
		}
	}
	if len(k.errs) > 0 || len(c.Roles) == 0 {
		return
	}
	missing := slices.ContainsFunc(allRoles, func(role string) bool { return !c.has(role) })
	switch {
	case missing && len(c.Kafka.Brokers) == 0:
		k.fail(key, "name the brokers that all processes share under kafka.brokers, or leave roles out",
			"some roles, and an embedded broker that no other process has")
	case missing && c.sinks() && c.ClickHouse.DSN == "":
		k.fail(key, "name the ClickHouse that all sinks share under clickhouse.dsn, or leave roles out",
			"some roles, and an embedded ClickHouse that no other process has")
	}
}

// shownRoles is what this process does, in words.
func (c *Config) shownRoles() string {
	if len(c.Roles) == 0 {
		return strings.Join(allRoles, ",")
	}
	return strings.Join(c.Roles, ",")
}
