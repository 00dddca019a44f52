package sim

import (
	"fmt"
	"math/bits"
	"strings"
)

// shrinkBudget is how many worlds are run to find a shorter one that fails.
const shrinkBudget = 600

// Shrink returns the smallest options found under which a world still fails, and what fails there.
func Shrink(o Options, faults []string) (Options, []string) {
	budget := shrinkBudget
	fails := func(c Options) []string {
		// A smaller world is another one: other seeds of its course are tried, too.
		for try := uint64(0); try < 6 && budget > 0; try++ {
			budget--
			c.Seed = o.Seed + try<<32
			if f := NewWorld(c, nil).Run(); len(f) > 0 {
				o = c
				return f
			}
		}
		return nil
	}
	for again := true; again && budget > 0; {
		again = false
		for _, c := range smaller(o) {
			if f := fails(c); f != nil {
				faults, again = f, true
				break
			}
		}
	}
	return o, faults
}

// smaller lists options that ask for less, the boldest first.
func smaller(o Options) (list []Options) {
	add := func(change func(c *Options)) {
		c := o
		if change(&c); c != o {
			list = append(list, c)
		}
	}
	add(func(c *Options) { c.Records = max(1, c.Records/2) })
	add(func(c *Options) { c.Records = max(1, c.Records-1) })
	for f := Fault(1); f < lastFault; f <<= 1 {
		add(func(c *Options) { c.Faults &^= f })
	}
	for _, n := range []func(c *Options) *int{
		func(c *Options) *int { return &c.Nodes }, func(c *Options) *int { return &c.Events },
		func(c *Options) *int { return &c.Inbox }, func(c *Options) *int { return &c.Facts },
		func(c *Options) *int { return &c.People }, func(c *Options) *int { return &c.Batch },
		func(c *Options) *int { return &c.Spread },
	} {
		add(func(c *Options) { *n(c) = 1 })
		add(func(c *Options) { *n(c) = max(1, *n(c)-1) })
	}
	add(func(c *Options) { c.MaxPhones, c.MaxDevices = 0, 0 })
	add(func(c *Options) { c.QueueLimit, c.Links, c.DedupeIDs = 64, 256, 64 })
	add(func(c *Options) { c.Race, c.Flat, c.Shared, c.Weak = false, false, false, false })
	add(func(c *Options) { c.Upgrade = false })
	add(func(c *Options) { c.Holes = false })
	add(func(c *Options) { c.Single = true })
	return list
}

// traceLines bounds what a report shows of a world's course.
const traceLines = 300

// Report shrinks a world that failed, and tells its course.
func Report(o Options, faults []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d breaks a promise; again: go test ./bench/sim -run Simulation -args -seeds 1 -from %d\n%v\n", o.Seed, o.Seed, o)
	list(&b, faults)
	small, faults := Shrink(o, faults)
	var trace []string
	NewWorld(small, &trace).Run()
	fmt.Fprintf(&b, "\nshrunk to %d records and %d kinds of trouble, %d lines: %v\n", small.Records, bits.OnesCount64(uint64(small.Faults)), len(trace), small)
	list(&b, faults)
	if len(trace) > traceLines {
		fmt.Fprintf(&b, "… %d lines before\n", len(trace)-traceLines)
		trace = trace[len(trace)-traceLines:]
	}
	for _, line := range trace {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// list writes the first few faults.
func list(b *strings.Builder, faults []string) {
	for i, f := range faults {
		if i == 8 {
			fmt.Fprintf(b, "  and %d more\n", len(faults)-i)
			return
		}
		fmt.Fprintf(b, "  - %.1000s\n", f)
	}
}
