package stages

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

// TestDivide divides a made profile: precedence, roles, and what nobody knows.
func TestDivide(t *testing.T) {
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}, Period: 1,
	}
	functions := map[string]*profile.Location{}
	at := func(name string) *profile.Location {
		if functions[name] == nil {
			id := uint64(len(functions) + 1)
			f := &profile.Function{ID: id, Name: name}
			p.Function = append(p.Function, f)
			functions[name] = &profile.Location{ID: id, Line: []profile.Line{{Function: f}}}
			p.Location = append(p.Location, functions[name])
		}
		return functions[name]
	}
	sample := func(ms int, role string, stack ...string) { // leaf first
		s := &profile.Sample{Value: []int64{1, int64(time.Duration(ms) * time.Millisecond)}}
		for _, name := range stack {
			s.Location = append(s.Location, at(name))
		}
		if role != "" {
			s.Label = map[string][]string{RoleLabel: {role}}
		}
		p.Sample = append(p.Sample, s)
	}
	const apply = "portrait/profile/machine.(*Machine).Apply"
	sample(10, "", "runtime.memmove", "portrait/profile/feature.(*Feature).Update", apply)
	sample(20, "", "portrait/profile/feature.(*Feature).Value", "portrait/profile/machine.(*Machine).evaluate", apply)
	sample(30, "", "portrait/profile/feature.(*Feature).Value", "portrait/profile/machine.(*Machine).describe", apply)
	sample(5, "", "runtime.gcAssistAlloc", "portrait/profile/feature.(*Feature).Update", apply)
	sample(15, Generator, "portrait/pipeline/kafka.(*outlet).run")
	sample(25, "", "portrait/pipeline/kafka.(*outlet).run")
	const each, route = "portrait/schemas.(*EventDecoder).Each", "portrait/pipeline/router.(*Router).Route"
	sample(11, "", "portrait/schemas.(*scanner).text", each, route)
	sample(12, "", "portrait/pipeline/router.(*Router).item", each, route)
	sample(13, "", "portrait/pipeline/router.(*Router).stamp", route)
	sample(7, "", "nobody.Knows")
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := Divide(b.Bytes(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"features": 10, "tags": 20, "documents": 30, "gc": 5, Generator: 15, "produce": 25, "decode": 11, "route": 25, "other": 7}
	if got.Total != 148*time.Millisecond || len(got.Stages) != len(want) {
		t.Errorf("%v in %d stages, want 148ms in %d", got.Total, len(got.Stages), len(want))
	}
	for _, s := range got.Stages {
		if d := s.MicroS - want[s.Name]; d > 0.001 || d < -0.001 {
			t.Errorf("%s takes %.3f µs/event, want %.3f", s.Name, s.MicroS, want[s.Name])
		}
	}
	if got.Stages[0].Name != "documents" || len(got.Other) != 1 || got.Other[0] != "nobody.Knows" {
		t.Errorf("first %s, other %v", got.Stages[0].Name, got.Other)
	}
	if _, err := Divide([]byte("no profile"), 1); err == nil {
		t.Error("what is no profile was divided")
	}
}
