package machine_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"portrait/profile/machine"
	"portrait/schemas"
)

type inboxRec struct {
	off int64
	v   []byte
}

func loadLog(tb testing.TB) (schemas.Deployment, []inboxRec) {
	var dep schemas.Deployment
	b, err := os.ReadFile("/tmp/inbox.dep")
	if err != nil {
		tb.Skip(err)
	}
	if err := json.Unmarshal(b, &dep); err != nil {
		tb.Fatal(err)
	}
	all, _ := os.ReadFile("/tmp/inbox.log")
	var recs []inboxRec
	for len(all) > 0 {
		off := int64(binary.LittleEndian.Uint64(all))
		n := int(binary.LittleEndian.Uint32(all[8:]))
		recs = append(recs, inboxRec{off, all[12 : 12+n]})
		all = all[12+n:]
	}
	return dep, recs
}

func TestLogHash(t *testing.T) {
	dep, recs := loadLog(t)
	view := &memory{state: map[string][]byte{}}
	m, err := machine.Open(machine.Config{Deployment: &dep, Partition: 0, ProfileKey: make([]byte, 32)}, view, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := machine.NewEffects(dep.InboxPartitions)
	h := fnv.New64a()
	for _, r := range recs {
		if err := m.Apply(r.off, r.v, out); err != nil {
			t.Fatal(err)
		}
		for _, f := range out.Facts {
			b, _ := json.Marshal(f)
			h.Write(b)
		}
		for _, f := range out.Tags {
			h.Write(f.Value)
		}
		for _, f := range out.Docs {
			h.Write(f.Value)
		}
		b, _ := json.Marshal(out.Messages)
		h.Write(b)
		out.Reset()
	}
	fmt.Printf("hash %x %+v\n", h.Sum64(), m.Counters)
}

func BenchmarkLog(b *testing.B) {
	dep, recs := loadLog(b)
	for range b.N {
		view := &memory{state: map[string][]byte{}}
		m, err := machine.Open(machine.Config{Deployment: &dep, Partition: 0, ProfileKey: make([]byte, 32)}, view, 0, nil)
		if err != nil {
			b.Fatal(err)
		}
		out := machine.NewEffects(dep.InboxPartitions)
		var m0, m1 runtime.MemStats
		runtime.ReadMemStats(&m0)
		var r0, r1 syscall.Rusage
		syscall.Getrusage(0, &r0)
		start := time.Now()
		var cutT time.Duration
		var cutB, cuts, cutN int
		for i, r := range recs {
			if err := m.Apply(r.off, r.v, out); err != nil {
				b.Fatal(err)
			}
			if i%4 == 0 {
				out.Reset()
			}
			if m.UncutBytes() >= 7<<20 {
				s := time.Now()
				c, n := m.Cut()
				for _, x := range c.Changes {
					cutB += len(x.Value) + len(x.Key)
				}
				cutN += len(c.Changes)
				cuts++
				cutT += time.Since(s)
				_ = c
				m.Committed(n)
			}
		}
		d := time.Since(start)
		runtime.ReadMemStats(&m1)
		n := float64(m.Counters.Events)
		syscall.Getrusage(0, &r1)
		b.ReportMetric(float64(r1.Utime.Nano()-r0.Utime.Nano()+r1.Stime.Nano()-r0.Stime.Nano())/n, "cpu-ns/event")
		b.ReportMetric(float64(d.Nanoseconds())/n, "ns/event")
		b.ReportMetric(float64(cutT.Nanoseconds())/n, "cut-ns/event")
		b.ReportMetric(float64(m1.TotalAlloc-m0.TotalAlloc)/n, "B/event")
		b.ReportMetric(float64(m1.Mallocs-m0.Mallocs)/n, "allocs/event")
		b.ReportMetric(float64(cutB)/n, "cutB/event")
		b.ReportMetric(float64(cutN)/n, "cutN/event")
		b.ReportMetric(float64(m.Counters.Forwards)/n, "fwd/event")
		b.ReportMetric(float64(m.Counters.Timers)/n, "timers/event")
		b.ReportMetric(float64(m.Counters.Documents)/n, "docs/event")
	}
}
