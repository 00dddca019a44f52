package fleet

import (
	"slices"
	"time"

	"portrait/bench"
	"portrait/bench/drive"
)

// analysis is what a rolling restart showed from outside.
type analysis struct {
	arrivals []drive.Arrival
	homes    func(event int64) int
	owners   []sighting
	seconds  func(time.Time) float64 // as the series tells an instant
	began    []time.Time             // of the phases
	struck   []string                // the node that restarted or left in each, "" if one joined
	end      time.Time               // of the load
}

// bucket is the changes of a second of the plan.
type bucket struct{ all, moved, others []float64 } // ms

// sum fills the phases and sums them up in the report. Changes count in the phase and the second in which their event was due.
func (a *analysis) sum(phases []drive.Phase, report *drive.Report) {
	moved := make([][]int, len(phases))
	for i := range phases {
		moved[i] = a.moved(a.struck[i], a.began[i], a.until(i))
		phases[i].Seconds, phases[i].Moved = a.until(i).Sub(a.began[i]).Seconds(), moved[i]
	}
	buckets := map[int64]*bucket{}
	per := make([]bucket, len(phases))
	for _, x := range a.arrivals {
		second := x.Planned.Unix()
		b := buckets[second]
		if b == nil {
			b = &bucket{}
			buckets[second] = b
		}
		ms := float64(x.Received.Sub(x.Planned).Microseconds()) / 1000
		b.all = append(b.all, ms)
		i := a.phase(x.Planned)
		if i < 0 {
			b.others = append(b.others, ms)
			continue
		}
		per[i].all = append(per[i].all, ms)
		if slices.Contains(moved[i], a.homes(x.Event)) {
			b.moved, per[i].moved = append(b.moved, ms), append(per[i].moved, ms)
		} else {
			b.others, per[i].others = append(b.others, ms), append(per[i].others, ms)
		}
	}
	slow := a.slow(buckets, phases, report)
	for i := range phases {
		p := &phases[i]
		p.MovedP99, p.OthersP99, p.Changes = quantile(per[i].moved, 0.99), quantile(per[i].others, 0.99), len(per[i].all)
		p.FirstTag = quantile(per[i].moved, 1) / 1000
	}
	report.Phases = phases
	first, others := []float64{}, []float64{}
	for _, p := range phases {
		if len(p.Moved) > 0 {
			first = append(first, p.FirstTag)
		}
		if p.OthersP99 > 0 {
			others = append(others, p.OthersP99)
		}
	}
	all := bench.SpreadOf([]float64{float64(slow)})
	firsts, rest := bench.SpreadOf(first), bench.SpreadOf(others)
	report.Slow, report.FirstTag, report.OthersP99 = &all, &firsts, &rest
}

// slow lists the seconds of the plan, and returns in how many of them p99 was above the limit.
func (a *analysis) slow(buckets map[int64]*bucket, phases []drive.Phase, report *drive.Report) (slow int) {
	var order []int64
	for second := range buckets {
		order = append(order, second)
	}
	slices.Sort(order)
	for _, second := range order {
		b, at := buckets[second], time.Unix(second, 0)
		s := drive.Second{At: a.seconds(at), P99: quantile(b.all, 0.99), Moved: quantile(b.moved, 0.99), Others: quantile(b.others, 0.99)}
		report.Seconds = append(report.Seconds, s)
		if s.P99 <= drive.SlowMS {
			continue
		}
		slow++
		if i := a.phase(at.Add(time.Second - 1)); i >= 0 {
			phases[i].Slow++
		}
	}
	return slow
}

// until is the end of a phase.
func (a *analysis) until(i int) time.Time {
	if i+1 < len(a.began) {
		return a.began[i+1]
	}
	return a.end
}

// phase is that of an instant; -1: before the first.
func (a *analysis) phase(at time.Time) int {
	i := len(a.began) - 1
	for i >= 0 && at.Before(a.began[i]) {
		i--
	}
	return i
}

// moved returns the partitions of a node that restarted or left, and those that had more than one owner from just before a phase
// until its end.
func (a *analysis) moved(struck string, from, to time.Time) (list []int) {
	owner := map[int]string{}
	defer func() { slices.Sort(list) }()
	for _, s := range a.owners {
		if s.at.Before(from) {
			for p, name := range s.owners {
				owner[p] = name
			}
			continue
		}
		if s.at.After(to) {
			return list
		}
		for p, name := range s.owners {
			if before, known := owner[p]; known && (before != name || before == struck) && !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list
}

// quantile of values, which it sorts; 0 of none.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)-1, int(q*float64(len(values))))]
}
