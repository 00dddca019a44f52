package machine

import (
	"errors"
	"testing"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// noState is a view of a partition without state.
type noState struct{}

func (noState) Load([]byte) ([]byte, error)                                   { return nil, nil }
func (noState) Scan(_, _ []byte, _ int, _ func(key, value []byte) bool) error { return nil }

// TestBarriers: a machine stops in front of a barrier to a newer version with its state as it was; one whose state is
// short of its own barrier takes nothing else; and behind it the state is its own.
func TestBarriers(t *testing.T) {
	dep := schemas.DefaultDeployment()
	dep.ID = "barriers"
	config := Config{Deployment: &dep, ProfileKey: []byte("key")}
	control := func(kind wire.ControlKind, version int64) []byte {
		r := wire.InboxRecord{Deployment: dep.Hash(), Source: wire.FromCoordinator, Controls: []wire.Control{{Kind: kind, Version: version}}}
		var e wire.Encoder
		r.Encode(&e)
		return e.B
	}
	open := func(position int64, meta []byte) *Machine {
		t.Helper()
		m, err := Open(config, noState{}, position, meta)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	out := NewEffects(dep.InboxPartitions)
	m := open(0, nil)
	if err := m.Apply(0, control(wire.CtlDeployment, 0), out); err != nil || m.Logic() != 1 {
		t.Fatalf("an inbox without a version is of version %d, %v", m.Logic(), err)
	}
	var barrier *BarrierError
	err := m.Apply(1, control(wire.CtlBarrier, schemas.LogicVersion+1), out)
	if !errors.As(err, &barrier) || barrier.Version != schemas.LogicVersion+1 || !errors.Is(err, ErrBarrier) || m.Position() != 1 {
		t.Errorf("a barrier to the next version: %v, at %d", err, m.Position())
	}
	checkpoint := m.Cut().Checkpoint()
	if checkpoint.Position != 1 {
		t.Errorf("the checkpoint at the barrier is at %d", checkpoint.Position)
	}

	// As a newer binary finds it: this one, with a state of the version before.
	newer := open(1, checkpoint.Meta)
	newer.meta.logic = schemas.LogicVersion - 1
	if newer.meta.logic == 0 {
		newer.meta.logic = -1 // there is no version 0
	}
	if err := newer.Apply(1, control(wire.CtlClock, 0), out); !errors.Is(err, ErrBarrier) || newer.Position() != 1 {
		t.Errorf("short of the barrier: %v", err)
	}
	if err := newer.Apply(1, control(wire.CtlBarrier, schemas.LogicVersion), out); err != nil || newer.Logic() != schemas.LogicVersion {
		t.Errorf("its own barrier: %v, then of version %d", err, newer.Logic())
	}
	if err := newer.Apply(2, control(wire.CtlBarrier, schemas.LogicVersion), out); err != nil {
		t.Errorf("the barrier once more: %v", err)
	}

	// As an older binary finds what a newer one has left.
	m.meta.logic = schemas.LogicVersion + 1
	beyond := m.Cut().Checkpoint()
	if _, err := Open(config, noState{}, 1, beyond.Meta); !errors.Is(err, ErrBarrier) {
		t.Errorf("a state beyond the barrier: %v", err)
	}
}
