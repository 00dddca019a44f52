package drive

import (
	"context"
	"time"

	"portrait/bench/latency"
	"portrait/bench/meter"
)

// Sample is what one second looked like.
type Sample struct {
	At       float64            `json:"at"`   // seconds since the driver began
	Rate     float64            `json:"rate"` // events handed over per second
	Counted  float64            `json:"counted_rate"`
	Lag      int64              `json:"lag"`
	Changes  int64              `json:"tag_changes"`
	P50      float64            `json:"p50"` // ms, of the changes received in it
	P99      float64            `json:"p99"`
	Max      float64            `json:"max"`
	Hiccup   float64            `json:"hiccup_max"`
	Behind   float64            `json:"clickhouse_behind_s,omitempty"`
	Memory   map[string]int64   `json:"rss_bytes"`
	Disk     map[string]int64   `json:"disk_bytes,omitempty"` // every fifth second
	CPUCores map[string]float64 `json:"cpu_cores"`
	Files    map[string]int64   `json:"open_files,omitempty"` // every fifth second, as the next
	Running  map[string]int64   `json:"goroutines,omitempty"` // of this process; of others threads
}

// diskEvery is how often the directories are walked, in samples.
const diskEvery = 5

// sample takes one every second.
func (d *Driver) sample(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	before, counted := d.edge(), int64(-1)
	for k := 0; ; k++ {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		now := d.edge()
		took := now.at.Sub(before.at).Seconds()
		event, hiccup := d.recent.Recent(latency.Event), d.recent.Recent(latency.Hiccup)
		s := Sample{At: now.at.Sub(d.begin).Seconds(), Rate: float64(now.handed-before.handed) / took, Lag: now.lag,
			Changes: now.changes - before.changes, P50: event.P50, P99: event.P99, Max: event.Max, Hiccup: hiccup.Max,
			Memory: map[string]int64{}, CPUCores: map[string]float64{}}
		if d.tells() {
			all := d.counted()
			if counted >= 0 {
				s.Counted = float64(all-counted) / took
			}
			counted = all
		}
		if d.dep.Behind != nil {
			s.Behind = d.dep.Behind().Seconds()
		}
		for name, pid := range d.processes() {
			if rss, err := meter.RSS(pid); err == nil { // one that has ended is left out
				s.Memory[name] = rss
			}
			s.CPUCores[name] = max(0, now.cpu[name]-before.cpu[name]).Seconds() / took
		}
		if k%diskEvery == 0 {
			s.Disk = d.disk()
			s.Files, s.Running = d.each(meter.Files), d.each(meter.Goroutines)
		}
		before = now
		d.mu.Lock()
		d.series = append(d.series, s)
		d.mu.Unlock()
	}
}

// each measures all processes; one that has ended is left out.
func (d *Driver) each(measure func(pid int) (int64, error)) map[string]int64 {
	m := map[string]int64{}
	for name, pid := range d.processes() {
		if n, err := measure(pid); err == nil {
			m[name] = n
		}
	}
	return m
}

func (d *Driver) disk() map[string]int64 {
	m := map[string]int64{}
	for name, dir := range d.dep.Disk {
		if n, err := meter.Disk(dir); err == nil { // one that is not there is left out
			m[name] = n
		}
	}
	return m
}

// between returns the samples of a time.
func (d *Driver) between(from, to time.Time) []Sample {
	var list []Sample
	for _, s := range d.Series() {
		if at := d.begin.Add(time.Duration(s.At * float64(time.Second))); at.After(from) && at.Before(to) {
			list = append(list, s)
		}
	}
	return list
}

// Seconds is an instant as the series tells it.
func (d *Driver) Seconds(at time.Time) float64 { return at.Sub(d.begin).Seconds() }

// Series returns the samples so far.
func (d *Driver) Series() []Sample {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Sample(nil), d.series...)
}
