package torture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portrait/bench/fleet"
)

// fakePart is a part that only notes what is done to it.
type fakePart struct {
	did    []string
	gone   chan struct{}
	starts []error // what the next starts return, in order; then nil
	ends   error   // what stop returns
}

func (p *fakePart) do(what string) error {
	p.did = append(p.did, what)
	return nil
}

func (p *fakePart) start(context.Context) error {
	p.did = append(p.did, "start")
	if len(p.starts) > 0 {
		err := p.starts[0]
		p.starts = p.starts[1:]
		if err != nil {
			return err
		}
	}
	p.gone = make(chan struct{})
	return nil
}

func (p *fakePart) kill() error {
	if p.gone != nil {
		close(p.gone)
		p.gone = nil
	}
	return p.do("kill")
}

func (p *fakePart) stop() error {
	close(p.gone)
	p.gone = nil
	return errors.Join(p.do("stop"), p.ends)
}

func (p *fakePart) freeze() error          { return p.do("freeze") }
func (p *fakePart) thaw() error            { return p.do("thaw") }
func (p *fakePart) ended() <-chan struct{} { return p.gone }
func (p *fakePart) said() string           { return "its last words" }

// fakeRun is a torturer with a broker and one node, both fake.
func fakeRun(t *testing.T, ctx context.Context) (tt *torturer, broker, node *fakePart) {
	t.Helper()
	tt = &torturer{Config: &Config{Out: t.Output()}, parts: map[string]*victim{}, began: time.Now()}
	broker, node = new(fakePart), new(fakePart)
	for name, p := range map[string]struct {
		class Class
		part  *fakePart
	}{"broker": {Broker, broker}, "node-1": {Node, node}} {
		if err := tt.add(ctx, name, p.class, p.part); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Second) // the broker has been of use for a while
	return tt, broker, node
}

// What each kind of fault does, how long it takes, and what it leaves behind in notes.
func TestStrike(t *testing.T) {
	for _, c := range []struct {
		name   string
		fault  Fault
		spoil  func(tt *torturer, node *fakePart)
		did    string
		took   time.Duration
		noted  string // in the notes; empty: there are none
		refuse int
	}{
		{"kill", Fault{Kind: Kill, Away: 3 * time.Second}, nil, "kill start", 3 * time.Second, "", 0},
		{"freeze", Fault{Kind: Freeze, Away: 8 * time.Second}, nil, "freeze thaw", 8 * time.Second, "", 0},
		{"restart", Fault{Kind: Restart, Away: time.Second}, nil, "stop start", time.Second, "", 0},
		{"a restart that does not end well", Fault{Kind: Restart}, func(_ *torturer, node *fakePart) { node.ends = errors.New("exit status 2") },
			"stop start", 0, "exit status 2", 0},
		{"a start that fails", Fault{Kind: Kill}, func(_ *torturer, node *fakePart) {
			node.starts = []error{fmt.Errorf("%w: bad luck", fleet.ErrEnded)}
		}, "kill start kill start", again, "bad luck", 0},
		{"a start that fails because the broker is away", Fault{Kind: Kill}, func(tt *torturer, node *fakePart) {
			node.starts = []error{fmt.Errorf("%w: no broker", fleet.ErrEnded)}
			tt.broker.outOfUse()
		}, "kill start start", again, "", 1},
		{"a start that hangs though the broker is away", Fault{Kind: Kill}, func(tt *torturer, node *fakePart) {
			node.starts = []error{errors.New("not ready")}
			tt.broker.outOfUse()
		}, "kill start kill start", again, "not ready", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				tt, _, node := fakeRun(t, ctx)
				node.did = nil
				if c.spoil != nil {
					c.spoil(tt, node)
				}
				begin := time.Now()
				if err := tt.parts["node-1"].strike(ctx, c.fault, func(time.Time) {}); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begin); took != c.took || !slices.Equal(node.did, strings.Fields(c.did)) {
					t.Errorf("did %v in %v", node.did, took)
				}
				if notes := strings.Join(tt.unasked(), "; "); (notes == "") != (c.noted == "") || !strings.Contains(notes, c.noted) || tt.refused != c.refuse {
					t.Errorf("notes %q, %d starts refused", notes, tt.refused)
				}
			})
		})
	}
}

// A part that ends while nobody struck it is noted, with its last words, and started again; one that is ended at the end is not.
func TestSupervise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tt, _, node := fakeRun(t, ctx)
		close(node.gone)
		synctest.Wait()
		if notes := tt.unasked(); len(notes) != 1 || !strings.Contains(notes[0], "node-1 ended by itself: its last words") {
			t.Errorf("notes %q", notes)
		}
		if !slices.Equal(node.did, []string{"start", "start"}) {
			t.Errorf("did %v", node.did)
		}
		tt.close()
		synctest.Wait()
		if len(tt.unasked()) != 1 || node.did[len(node.did)-1] != "kill" {
			t.Errorf("at the end: notes %q, did %v", tt.unasked(), node.did)
		}
	})
}
