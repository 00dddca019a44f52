package machine_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"portrait/profile/machine"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// script runs a transcript of testdata: blocks of a command, "----" and what came of it. Commands:
//
//	cluster PARTITIONS
//	catalog VERSION            the YAML follows, indented
//	event ID NAME IDENTIFIER… [PROPERTY=NUMBER]
//	clock +MS                  time passes, and all routers tick
//	run                        machines apply what their logs hold, one record each in turn
type script struct {
	t *testing.T
	*cluster
	names map[string]string // profiles are P1, P2, … in order of appearance
	said  strings.Builder
}

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)

// TestTranscripts compares what is said with what testdata holds; -update rewrites it.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.transcript")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".transcript"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := &script{t: t, names: map[string]string{}}
			var out []string
			for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
				if strings.HasPrefix(block, "#") {
					out = append(out, block)
					continue
				}
				command, _, _ := strings.Cut(block, "\n----")
				s.said.Reset()
				s.do(command)
				out = append(out, strings.TrimRight(command+"\n----\n"+s.said.String(), "\n"))
			}
			got := strings.Join(out, "\n\n") + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(text) {
				t.Errorf("%s: otherwise now (-update rewrites it):\n%s", file, firstLineThatDiffers(string(text), got))
			}
			if s.cluster != nil && len(s.faults) > 0 {
				t.Error(s.faults)
			}
		})
	}
}

func (s *script) do(command string) {
	first, rest, _ := strings.Cut(command, "\n")
	words := strings.Fields(first)
	number := func(k int) int64 {
		n, err := strconv.ParseInt(words[k], 10, 64)
		if err != nil {
			s.t.Fatalf("%q: %v", first, err)
		}
		return n
	}
	switch words[0] {
	case "cluster":
		s.cluster = newCluster(s.t, 1, int(number(1)), "", func(d *schemas.Deployment) { d.EventsPartitions = 1 })
		s.rest()
	case "catalog":
		s.activate(number(1), strings.ReplaceAll(rest, "\n  ", "\n")[2:])
	case "event":
		s.occur(words[1], words[2], words[3:])
	case "clock":
		s.clock += number(1)
		s.tick()
	case "run":
		s.run()
	default:
		s.t.Fatalf("unknown command %q", first)
	}
}

func (s *script) occur(id, name string, words []string) {
	ev := wire.Event{At: wire.Position{Offset: int64(s.index[0])}, Time: s.clock, Kafka: s.clock, ID: id, Name: name}
	s.index[0]++
	for _, w := range words {
		if key, value, ok := strings.Cut(w, "="); ok {
			ev.Props = append(ev.Props, wire.Prop{Key: key, Kind: wire.PropNumber, Text: value})
		} else {
			ev.Identifiers = append(ev.Identifiers, w)
		}
	}
	ev.Identifiers = s.sort(ev.Identifiers)
	s.append(schemas.PartitionOf(ev.Identifiers[0], len(s.members)), &wire.InboxRecord{Source: wire.FromRouter, Routed: []wire.Routed{{Stamp: s.clock, Event: &ev}}})
}

// run prints each record with its effects. Watermarks are the clock's business: they are applied in silence,
// unless something comes of them.
func (s *script) run() {
	for busy := true; busy; {
		busy = false
		for q, b := range s.members {
			if b.next >= int64(len(b.log)) {
				continue
			}
			busy = true
			r, err := wire.DecodeInbox(b.log[b.next])
			if err != nil {
				s.t.Fatal(err)
			}
			out := machine.NewEffects(len(s.members))
			if err := b.m.Apply(b.next, b.log[b.next], out); err != nil {
				s.t.Fatal(err)
			}
			if text := s.effects(out); text != "" || !quiet(r) {
				fmt.Fprintf(&s.said, "%d/%d %s\n%s", q, b.next, s.named(record(r)), s.named(text))
			}
			b.next++
			s.deliver(q, out)
		}
	}
}

func quiet(r *wire.InboxRecord) bool {
	return len(r.Ticks) > 0 || len(r.Messages) == 1 && r.Messages[0].Kind == wire.MsgWatermark
}

// named replaces profile ids by names.
func (s *script) named(text string) string {
	return uuidPattern.ReplaceAllStringFunc(text, func(id string) string {
		if s.names[id] == "" {
			s.names[id] = fmt.Sprintf("P%d", len(s.names)+1)
		}
		return s.names[id]
	})
}

// record writes a record on one line.
func record(r *wire.InboxRecord) string {
	switch {
	case len(r.Routed) > 0:
		ev := r.Routed[0].Event
		return fmt.Sprintf("router: event %s %s %v", ev.ID, ev.Name, ev.Identifiers)
	case len(r.Ticks) > 0:
		return fmt.Sprintf("router: tick +%d", r.Ticks[0].Stamp-testStart)
	case len(r.Messages) > 0:
		return fmt.Sprintf("from %d: %s", r.From, message(&r.Messages[0]))
	case len(r.Controls) > 0:
		return fmt.Sprintf("coordinator: %s %d", [...]string{"", "deployment", "catalogue", "activate", "barrier", "clock", "end"}[r.Controls[0].Kind], r.Controls[0].Version)
	}
	return "nothing"
}

func message(m *wire.Message) string {
	name := [...]string{"", "Forward", "Compress", "Link", "Propose", "Accept", "Refuse", "Later", "Forget", "Absorb", "Watermark", "Continue"}[m.Kind]
	var b strings.Builder
	fmt.Fprintf(&b, "%s", name)
	if m.To != "" {
		fmt.Fprintf(&b, "(%s", m.To)
		if m.From.ID != "" {
			fmt.Fprintf(&b, " ← %s", m.From.ID)
		}
		b.WriteString(")")
	}
	if m.Via != "" {
		fmt.Fprintf(&b, " via %s", m.Via)
	}
	if m.Weak {
		b.WriteString(", weak")
	}
	for _, c := range m.Counts {
		fmt.Fprintf(&b, " %s:%d", c.Type, c.Count)
	}
	if m.Event != nil {
		fmt.Fprintf(&b, " event %s, %d hops", m.Event.ID, m.Hops)
	}
	if m.Kind == wire.MsgWatermark {
		fmt.Fprintf(&b, " +%d", m.Stamp-testStart)
	}
	return b.String()
}

// effects writes what came of a record, a line each.
func (s *script) effects(out *machine.Effects) string {
	var b strings.Builder
	for i := range out.Facts {
		if text := fact(&out.Facts[i]); text != "" {
			fmt.Fprintf(&b, "    fact %s\n", text)
		}
	}
	for _, t := range out.Tags {
		c := parseChange(t.Value)
		what := fmt.Sprintf("%s %s, %s after %v", c.Tag, c.Change, toJSON(c.Value), toJSON(c.Previous))
		if c.Change == schemas.Merged {
			what = "merged into " + c.Winner
		}
		fmt.Fprintf(&b, "    tag %s %s: %s%s %s, change %s after %s\n", t.Key, strings.TrimSpace(what), c.Cause.Kind,
			strings.TrimRight(" "+c.Cause.EventID, " "), c.EventTime[14:], number(c.Version), number(c.PreviousVersion))
	}
	for _, d := range out.Docs {
		if d.Value == nil {
			fmt.Fprintf(&b, "    tombstone %s\n", d.Key)
			continue
		}
		var doc schemas.ProfileDoc
		if err := json.Unmarshal(d.Value, &doc); err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(&b, "    document %s: %d events, %s, tags %s, features %s\n", d.Key, doc.Events, toJSON(doc.Identifiers), toJSON(doc.Tags), toJSON(doc.Features))
	}
	for q, list := range out.Messages {
		for i := range list {
			if list[i].Kind != wire.MsgWatermark {
				fmt.Fprintf(&b, "    → %d: %s\n", q, message(&list[i]))
			}
		}
	}
	return b.String()
}

// number writes a version as offset and ordinal.
func number(v uint64) string { return fmt.Sprintf("%d-%d", v>>16, v&0xffff) }

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// fact writes those facts that are not on a topic of their own as well.
func fact(f *wire.Fact) string {
	who := machine.UUIDText(f.Profile)
	switch f.Kind {
	case wire.FactEvent:
		return fmt.Sprintf("event %s counts for %s", f.Event.ID, who)
	case wire.FactDuplicate:
		return fmt.Sprintf("event %s is a duplicate for %s", f.Event.ID, who)
	case wire.FactRejected:
		return "rejected: " + f.Rejected.Reason
	case wire.FactMerge:
		return fmt.Sprintf("merge of %s (%s) into %s, direct %v", machine.UUIDText(f.Merge.Loser), f.Merge.Root, who, f.Merge.Direct)
	case wire.FactEdge:
		if f.Edge.Accepted {
			return fmt.Sprintf("edge %s – %s accepted", f.Edge.A, f.Edge.B)
		}
		return fmt.Sprintf("edge %s – %s refused: %s", f.Edge.A, f.Edge.B, f.Edge.Reason)
	}
	return ""
}
