package pipeline

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"portrait/pipeline/kafka"
	"portrait/profile/machine"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// emptyView is a store without anything.
type emptyView struct{}

func (emptyView) Load([]byte) ([]byte, error) { return nil, nil }

func (emptyView) Scan(_, _ []byte, _ int, _ func(key, value []byte) bool) error { return nil }

// panicView is a store with a bug.
type panicView struct{ emptyView }

func (panicView) Load([]byte) ([]byte, error) { panic("index out of range, say") }

// stepped is a partition of a deployment of its own, with the log it is fed.
type stepped struct {
	t    *testing.T
	dep  schemas.Deployment
	p    *Partition
	next int64
}

func newStepped(t *testing.T, view machine.View) *stepped {
	s := &stepped{t: t, dep: schemas.DefaultDeployment()}
	s.dep.ID, s.dep.InboxPartitions = "test", 1
	config := machine.Config{Deployment: &s.dep, ProfileKey: []byte("key")}
	m, err := machine.Open(config, view, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.p = NewPartition(config, TopicNames("portrait"), m)
	return s
}

// record returns the next record of the inbox, with n events.
func (s *stepped) record(n int) kafka.Record {
	r := wire.InboxRecord{Deployment: s.dep.Hash(), Source: wire.FromRouter}
	for k := range n {
		r.Routed = append(r.Routed, wire.Routed{Event: &wire.Event{At: wire.Position{Offset: s.next, Index: int32(k)},
			ID: fmt.Sprintf("%d-%d", s.next, k), Name: "view", Identifiers: []string{fmt.Sprintf("device_id:%d-%d", s.next, k)}}})
	}
	var e wire.Encoder
	r.Encode(&e)
	s.next++
	return kafka.Record{Offset: s.next - 1, Value: e.B}
}

// step applies the next record, and returns how many outputs it caused, with their ticket.
func (s *stepped) step(n int) (int, int64) {
	s.t.Helper()
	out, ticket, err := s.p.Step([]kafka.Record{s.record(n)})
	if err != nil {
		s.t.Fatal(err)
	}
	if len(out) == 0 {
		s.t.Fatal("no output: the test would prove nothing")
	}
	return len(out), ticket
}

// TestCheckpointWaitsForAcks walks through the life of two cuts.
func TestCheckpointWaitsForAcks(t *testing.T) {
	s := newStepped(t, emptyView{})
	if s.p.Cut(); s.p.Due() != nil {
		t.Fatal("a checkpoint of nothing")
	}
	a, first := s.step(2)
	b, second := s.step(1)
	if first != second {
		t.Fatalf("tickets %d and %d before any cut", first, second)
	}
	if s.p.Due() != nil {
		t.Fatal("a checkpoint without a cut")
	}
	s.p.Cut()
	c, third := s.step(1)
	if third == first {
		t.Fatal("outputs behind the cut have the ticket of those before")
	}
	if s.p.Owed() != a+b+c {
		t.Fatalf("%d owed, want %d", s.p.Owed(), a+b+c)
	}
	s.p.Acked(first, a+b-1)
	if s.p.Due() != nil {
		t.Fatal("a checkpoint before the last acknowledgement")
	}
	s.p.Acked(third, c) // later outputs acknowledged first must not help
	if s.p.Due() != nil {
		t.Fatal("a checkpoint before the last acknowledgement of its own outputs")
	}
	s.p.Acked(first, 1)
	cp := s.p.Due()
	if cp == nil || cp.Position != 2 || len(cp.Checkpoint().Changes) == 0 {
		t.Fatalf("checkpoint %+v, want one at position 2", cp)
	}
	if s.p.Due() != nil {
		t.Fatal("one checkpoint handed out twice")
	}
	s.p.Refused()
	if again := s.p.Due(); again != cp {
		t.Fatal("a refused checkpoint is not handed out again")
	}
	s.p.Cut() // one is on its way: no second
	s.p.Committed()
	if s.p.Due() != nil || s.p.Owed() != 0 {
		t.Fatalf("after the commit: a checkpoint, or %d owed", s.p.Owed())
	}
	s.p.Cut()
	if cp := s.p.Due(); cp == nil || cp.Position != 3 {
		t.Fatalf("checkpoint %+v, want one at position 3: its outputs were acknowledged before the cut", cp)
	}
	s.p.Committed()
	if s.p.Cut(); s.p.Due() != nil {
		t.Fatal("a checkpoint although nothing was applied since")
	}
}

// TestCheckpointHoldsTheStateOfItsCut sees that what is applied behind a cut is not under its position.
func TestCheckpointHoldsTheStateOfItsCut(t *testing.T) {
	s := newStepped(t, emptyView{})
	n, ticket := s.step(1)
	s.p.Cut()
	s.step(3)
	s.p.Acked(ticket, n)
	cp := s.p.Due().Checkpoint()
	nodes := slices.DeleteFunc(slices.Clone(cp.Changes), func(ch change) bool { return ch.Key[0] != 'n' })
	if len(nodes) != 1 || string(nodes[0].Key) != "ndevice_id:0-0" {
		t.Errorf("%d nodes, want the one of the first record", len(nodes))
	}
}

// TestStepFails sees what an error leaves: the outputs of the records before it, whatever was half done of
// its own withheld, and its place; a panic is one too.
func TestStepFails(t *testing.T) {
	t.Run("unreadable", func(t *testing.T) {
		s := newStepped(t, emptyView{})
		out, _, err := s.p.Step([]kafka.Record{s.record(1), {Offset: 1, Value: []byte("?")}})
		if !errors.Is(err, machine.ErrUnreadable) || !strings.Contains(err.Error(), "inbox 0 offset 1") {
			t.Errorf("error %v", err)
		}
		alone, _, err := newStepped(t, emptyView{}).p.Step([]kafka.Record{s.record(1)})
		if err != nil || len(out) == 0 || len(out) != len(alone) {
			t.Errorf("%d outputs, want the %d of the record before (%v)", len(out), len(alone), err)
		}
	})
	t.Run("half applied", func(t *testing.T) {
		s := newStepped(t, emptyView{})
		first, half := s.record(1), wire.InboxRecord{Deployment: s.dep.Hash(), Source: wire.FromMachine, Seq: 1, Messages: []wire.Message{
			{Kind: wire.MsgForward, To: "device_id:x", Event: &wire.Event{ID: "counted", Name: "view", Identifiers: []string{"device_id:x"}}},
			{Kind: wire.MsgForward, To: "device_id:x"},
		}}
		var e wire.Encoder
		half.Encode(&e)
		out, _, err := s.p.Step([]kafka.Record{first, {Offset: 1, Value: e.B}})
		if !errors.Is(err, machine.ErrUnreadable) {
			t.Errorf("error %v", err)
		}
		alone, _, err := newStepped(t, emptyView{}).p.Step([]kafka.Record{first})
		if err != nil || !reflect.DeepEqual(out, alone) {
			t.Errorf("%d outputs, want exactly the %d of the record before (%v)", len(out), len(alone), err)
		}
	})
	t.Run("panic", func(t *testing.T) {
		s := newStepped(t, panicView{})
		out, _, err := s.p.Step([]kafka.Record{s.record(1)})
		if err == nil || !strings.Contains(err.Error(), "inbox 0 offset 0: panic while applying: index out of range, say") || len(out) > 0 {
			t.Errorf("error %v, %d outputs", err, len(out))
		}
		if !strings.Contains(err.Error(), "partition_test.go") {
			t.Error("the error does not say where it was")
		}
	})
}

// TestActivationGoesOutInTwoRounds sees every inbox have all parts of a catalogue before any is told to
// activate it.
func TestActivationGoesOutInTwoRounds(t *testing.T) {
	dep := schemas.DefaultDeployment()
	dep.ID, dep.InboxPartitions = "test", 3
	text := make([]byte, schemas.BytesPerRecord+1)
	have, told := map[int]int{}, map[int]bool{}
	for _, out := range Activation(&dep, TopicNames("p"), 7, text) {
		r, err := wire.DecodeInbox(out.Record.Value)
		if err != nil || len(r.Controls) != 1 || r.Controls[0].Version != 7 || r.Deployment != dep.Hash() {
			t.Fatalf("inbox %d: %+v, %v", out.Partition, r, err)
		}
		switch item := r.Controls[0]; item.Kind {
		case wire.CtlCatalog:
			if len(told) > 0 || item.Parts != 2 || int(item.Part) != have[out.Partition] {
				t.Fatalf("inbox %d gets part %d of %d, %d inboxes were told to activate", out.Partition, item.Part, item.Parts, len(told))
			}
			have[out.Partition]++
		case wire.CtlActivate:
			if len(have) != 3 || have[out.Partition] != 2 || told[out.Partition] {
				t.Fatalf("inbox %d is told to activate, it has %d parts", out.Partition, have[out.Partition])
			}
			told[out.Partition] = true
		}
	}
	if len(told) != 3 {
		t.Errorf("%d of 3 inboxes are told", len(told))
	}
}
