package torture

import (
	"fmt"
	"math"

	"portrait/bench"
	"portrait/bench/latency"
)

// Verdict is what a run showed: what `portrait bench torture --json` prints. Its keys are a contract: add, never rename.
type Verdict struct {
	OK      bool    `json:"ok"`
	Seed    uint64  `json:"seed"`
	Broker  string  `json:"broker"`
	Nodes   int     `json:"nodes"`
	Seconds float64 `json:"seconds"` // of load
	Rate    int     `json:"rate"`    // records per second

	Faults     map[string]int      `json:"faults"` // that happened, by kind and class: "kill node"
	FaultsDone int                 `json:"faults_done"`
	Kills      int                 `json:"kills"` // kill -9 among them
	Recovery   map[string]Recovery `json:"recovery"`

	EventsSent    int64 `json:"events_sent"`   // acknowledged
	EventsStored  int64 `json:"events_stored"` // rows in ClickHouse `events`
	SourceRepeats int64 `json:"source_repeats"`
	Duplicates    int64 `json:"duplicates"` // rows in `duplicates`: the planned ones and the source's repeats
	Rejected      int64 `json:"rejected"`
	People        int   `json:"people"`
	Profiles      int   `json:"profiles"`
	TagChanges    int64 `json:"tag_changes"` // kept after dropping by number
	TagRepeats    int64 `json:"tag_repeats"` // dropped by number: what crashes and zombies said again

	Lost    int64 `json:"lost"`
	Doubled int64 `json:"doubled"`
	Wrong   int64 `json:"wrong"`

	LongestSilenceMS int64         `json:"longest_silence_ms"` // without any tag change, while the load ran
	BehindMS         int64         `json:"behind_ms"`          // the longest that a timer was decided after its deadline
	BearsMS          int64         `json:"bears_ms"`           // how far behind the plan's outcome is still certain
	StoodStillMS     int64         `json:"stood_still_ms"`     // that torture itself did not run: the machine was busy with something else
	LatencyMS        bench.Latency `json:"latency_ms"`         // event to tag change, outages included
	EngineAborts     int64         `json:"engine_aborts"`      // the embedded ClickHouse ended by itself, and was started again
	RefusedStarts    int           `json:"refused_starts"`     // a node ended in its start because the broker was away, and was started again
	Unasked          []string      `json:"unasked"`            // processes that ended by themselves, or did not end or start well
	Checks           []bench.Check `json:"checks"`

	planned int64 // records of the load
	faults  int   // of the schedule
}

// count takes the strikes.
func (v *Verdict) count(strikes []Strike) {
	v.Faults = map[string]int{}
	for _, s := range strikes {
		v.Faults[string(s.Kind)+" "+string(s.Class)]++
		if s.Kind == Kill {
			v.Kills++
		}
	}
	v.FaultsDone = len(strikes)
	v.Recovery = recoveries(strikes)
}

// take takes what the checker counted.
func (v *Verdict) take(r *bench.Report, l *load) {
	v.EventsSent, v.EventsStored, v.Duplicates, v.Rejected = l.sender.Sent(), r.EventsStored, r.Duplicates, r.Rejected
	v.People, v.Profiles, v.TagChanges = r.People, r.Profiles, r.TagChanges
	v.TagRepeats = l.watcher.Received().Dropped()
	v.LatencyMS = l.latency.Total(latency.Event)
}

// settle sums up and decides. Without a check nothing is proven, so it is not ok.
func (v *Verdict) settle(checks []bench.Check, unasked []string) {
	v.Checks, v.Unasked = checks, unasked
	v.Lost, v.Doubled, v.Wrong = 0, 0, 0
	v.OK = len(checks) > 0 && len(unasked) == 0 && v.FaultsDone == v.faults && v.EventsSent >= int64(math.Ceil(0.99*float64(v.planned)))
	for _, c := range checks {
		v.OK = v.OK && c.OK
		v.Lost, v.Doubled, v.Wrong = v.Lost+c.Lost, v.Doubled+c.Doubled, v.Wrong+c.Wrong
	}
	v.OK = v.OK && v.Lost+v.Doubled+v.Wrong == 0
}

// failed says in words what is not as it should be.
func (v *Verdict) failed() (list []string) {
	for _, c := range v.Checks {
		if !c.OK {
			list = append(list, c.Name+": "+c.Detail)
		}
	}
	if v.FaultsDone != v.faults {
		list = append(list, fmt.Sprintf("%d of %d faults happened", v.FaultsDone, v.faults))
	}
	if v.EventsSent < v.planned {
		list = append(list, fmt.Sprintf("%d of %d records were sent", v.EventsSent, v.planned))
	}
	if v.BehindMS > v.BearsMS && len(list) > 0 {
		list = append(list, fmt.Sprintf("the pipeline was behind by %.1f s at worst; beyond %.1f s this load is ambiguous: who owns a shared tablet, above all",
			float64(v.BehindMS)/1000, float64(v.BearsMS)/1000))
	}
	return append(list, v.Unasked...)
}

// String is the verdict for people.
func (v *Verdict) String() string {
	text := fmt.Sprintf("%d records sent, %d stored, %d duplicates of which the broker's doubt made %d, %d rejected; %d people in %d profiles\n",
		v.EventsSent, v.EventsStored, v.Duplicates, v.SourceRepeats, v.Rejected, v.People, v.Profiles)
	text += fmt.Sprintf("%d tag changes, %d said again and dropped by number; longest silence %.1f s; event→tag p50 %.0f p99 %.0f ms\n",
		v.TagChanges, v.TagRepeats, float64(v.LongestSilenceMS)/1000, v.LatencyMS.P50, v.LatencyMS.P99)
	for _, w := range weights {
		key := string(w.kind) + " " + string(w.class)
		if r, ok := v.Recovery[key]; ok {
			text += fmt.Sprintf("  %-18s %3d   back p50 %5.1f max %5.1f s   tags p50 %5.1f max %5.1f s   stored p50 %5.1f max %5.1f s\n", key, r.Strikes,
				r.Back.P50/1000, r.Back.Max/1000, r.Tags.P50/1000, r.Tags.Max/1000, r.Stored.P50/1000, r.Stored.Max/1000)
		}
	}
	text += fmt.Sprintf("timers up to %.1f s behind; torture itself stood still for %.1f s; %d starts refused; %d aborts of the embedded ClickHouse\n",
		float64(v.BehindMS)/1000, float64(v.StoodStillMS)/1000, v.RefusedStarts, v.EngineAborts)
	text += fmt.Sprintf("%d faults, %d of them kill -9: %d lost, %d doubled, %d wrong\n", v.FaultsDone, v.Kills, v.Lost, v.Doubled, v.Wrong)
	for _, why := range v.failed() {
		text += "FAIL " + why + "\n"
	}
	if v.OK {
		return text + "everything is as the ledger says\n"
	}
	return text + "NOT as the ledger says\n"
}
