package drive

import (
	"portrait/bench"
	"portrait/bench/traffic"
)

// planned is a computed plan as Traffic.
type planned struct{ *traffic.Plan }

// Then implements Traffic.
func (p planned) Then(first int64, s traffic.Stretch) (Traffic, error) {
	next, err := p.Plan.Then(first, s)
	return planned{next}, err
}

// Writer implements Traffic.
func (p planned) Writer() Writer { return &planWriter{p.Plan, traffic.NewRenderer(p.Plan)} }

type planWriter struct {
	plan   *traffic.Plan
	render *traffic.Renderer
}

// Append implements Writer.
func (w *planWriter) Append(b []byte, n int64) (out, key []byte) {
	e := w.plan.Event(n)
	return w.render.Append(b, n, &e), w.render.Key(&e)
}

// modelled compares with the model of a catalogue.
type modelled struct {
	*traffic.Observed
	model *traffic.Model
}

// Counted implements Witness.
func (m modelled) Counted() int64 { return m.Events }

// Verify implements Witness.
func (m modelled) Verify(t Traffic, sent, now int64) []bench.Check {
	return m.Observed.Verify(t.(planned).Plan, m.model, sent, now)
}

// Rows implements Witness.
func (m modelled) Rows(t Traffic, sent int64, rows [][]string) bench.Check {
	return t.(planned).VerifyRows(sent, rows)
}

// NewLoad is a computed plan with the model of the catalogue that the deployment has. Shared says that others use
// the deployment, too.
func NewLoad(config traffic.Config, model *traffic.Model, shared bool) (*Load, error) {
	plan, err := traffic.New(config)
	if err != nil {
		return nil, err
	}
	seen := traffic.NewObserved(plan, model)
	if shared {
		seen.Shared()
	}
	return &Load{planned{plan}, modelled{seen, model}}, nil
}
