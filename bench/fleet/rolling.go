package fleet

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"portrait/bench"
	"portrait/bench/drive"
)

// Rolling says how a rolling restart is measured.
type Rolling struct {
	Rate  float64
	Phase time.Duration // from one node to the next
	Say   func(format string, args ...any)
}

// lead is how long the load runs before the first phase and behind the last: what is normal shows there.
const lead = 10 * time.Second

// step is one thing that is done to a node.
type step struct {
	name string
	node *Node // nil: a new one
	do   func(context.Context) error
}

// Rolling restarts each node gracefully, one after the other, has one join and one leave, all under load, and sums it up.
func (c *Cluster) Rolling(ctx context.Context, d *drive.Driver, r Rolling, report *drive.Report) error {
	r.Say("waiting for the nodes to be at rest")
	if err := c.Rest(ctx); err != nil {
		return err
	}
	steps := c.steps()
	owners, stop := c.follow(ctx)
	defer stop()
	d.KeepArrivals()
	type ended struct {
		phases []drive.Phase
		began  []time.Time
		err    error
	}
	walked := make(chan ended, 1)
	go func() {
		phases, began, err := walk(ctx, d, r, steps)
		walked <- ended{phases, began, err}
	}()
	length := 2*lead + time.Duration(len(steps))*r.Phase
	began := time.Now()
	windows, err := d.Run(ctx, drive.Stretch{Rate: r.Rate, Duration: length, Windows: 1})
	end := <-walked
	if err == nil {
		err = end.err
	}
	if err != nil {
		return fmt.Errorf("rolling restart: %w", err)
	}
	report.AddWindows(windows)
	a := analysis{arrivals: d.Arrivals(), homes: d.Homes(), owners: owners(), seconds: d.Seconds, began: end.began, end: began.Add(length)}
	for _, s := range steps {
		name := ""
		if s.node != nil {
			name = s.node.Name
		}
		a.struck = append(a.struck, name)
	}
	a.sum(end.phases, report)
	for _, p := range report.Phases {
		report.Marks = append(report.Marks, drive.Mark{At: p.At, Text: p.Name})
		r.Say("%s: away %.1f s, partitions %v moved, their first tag %.2f s; p99 %.0f ms there, %.0f ms elsewhere; %d s above %d ms",
			p.Name, p.Away, p.Moved, p.FirstTag, p.MovedP99, p.OthersP99, p.Slow, drive.SlowMS)
	}
	if late := end.began[len(end.began)-1].Add(r.Phase / 2); late.After(a.end) && report.Invalid == "" {
		report.Invalid = "nodes came back so late that the last phase had no load; raise --phase"
	}
	return nil
}

// steps are the phases of a rolling restart: every node in turn, then one joins, then the first leaves.
func (c *Cluster) steps() (list []step) {
	nodes := c.Nodes()
	for _, n := range nodes {
		list = append(list, step{"restart " + n.Name, n, func(ctx context.Context) error {
			if err := n.Process().Stop(); err != nil {
				return err
			}
			return n.Start(ctx)
		}})
	}
	joins := fmt.Sprintf("node-%d", len(nodes)+1)
	return append(list, step{"join " + joins, nil, func(ctx context.Context) error {
		_, err := c.Add(ctx, joins)
		return err
	}}, step{"leave " + nodes[0].Name, nodes[0], func(context.Context) error {
		c.remove(nodes[0])
		return nodes[0].Process().Stop()
	}})
}

// walk does the steps when their time has come, or when the one before is done.
func walk(ctx context.Context, d *drive.Driver, r Rolling, steps []step) (phases []drive.Phase, began []time.Time, err error) {
	next := time.Now().Add(lead)
	for _, s := range steps {
		if err := bench.Pause(ctx, time.Until(next)); err != nil {
			return nil, nil, err
		}
		now := time.Now()
		r.Say("%s", s.name)
		if err := s.do(ctx); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", s.name, err)
		}
		phases = append(phases, drive.Phase{Name: s.name, At: d.Seconds(now), Away: time.Since(now).Seconds()})
		began = append(began, now)
		next = now.Add(max(r.Phase, time.Since(now)+r.Phase/4))
	}
	return phases, began, nil
}

// sighting is who had which partition at an instant, as far as the nodes answered.
type sighting struct {
	at     time.Time
	owners map[int]string
}

// ownersPoll is how often the nodes are asked for their partitions.
const ownersPoll = 250 * time.Millisecond

// follow watches who has what until it is stopped. What it saw may be asked for then.
func (c *Cluster) follow(ctx context.Context) (seen func() []sighting, stop func()) {
	var mu sync.Mutex
	var list []sighting
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		known := map[int]string{}
		for {
			at := time.Now()
			maps.Copy(known, c.owners(ctx)) // one that nobody has belongs to the last that had it
			mu.Lock()
			list = append(list, sighting{at, maps.Clone(known)})
			mu.Unlock()
			if bench.Pause(ctx, ownersPoll) != nil {
				return
			}
		}
	}()
	stop = func() { cancel(); <-done }
	return func() []sighting { stop(); return list }, stop
}
