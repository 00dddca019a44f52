package traffic

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"portrait/schemas"
)

var start = time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC)

func plan(t *testing.T, change func(*Config, *Stretch)) *Plan {
	t.Helper()
	c := Config{Seed: 1, Run: "test0001", Persons: 100, Preload: start.Add(-time.Minute), Keys: Uniform}
	s := Stretch{Rate: 1000, Start: start}
	if change != nil {
		change(&c, &s)
	}
	p, err := New(c)
	if err == nil {
		p, err = p.Then(0, s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestZipf compares the frequencies of the first ranks with 1/rank^0.99.
func TestZipf(t *testing.T) {
	for _, n := range []int{10, 1000, 3_000_000} {
		z, draws := newZipf(n, zipfTheta), 200_000
		seen := map[int]int{}
		for i := range draws {
			r := z.rank((float64(i) + 0.5) / float64(draws))
			if r < 0 || r >= n {
				t.Fatalf("n %d: rank %d", n, r)
			}
			seen[r]++
		}
		for r := range 2 { // the method is exact for these two, and approximates the rest
			got, want := float64(seen[r])/float64(draws), math.Pow(float64(r+1), -zipfTheta)/z.zeta
			if math.Abs(got-want) > 0.0001 {
				t.Errorf("n %d: rank %d drawn with %.5f, want %.5f", n, r, got, want)
			}
		}
		head, want := 0.0, 0.0
		for r := range 10 {
			head += float64(seen[r]) / float64(draws)
			want += math.Pow(float64(r+1), -zipfTheta) / z.zeta
		}
		if math.Abs(head-want) > 0.02 {
			t.Errorf("n %d: the first ten have %.4f, want %.4f", n, head, want)
		}
	}
	exact := 0.0
	for i := 1; i <= 2_000_000; i++ {
		exact += math.Pow(float64(i), -zipfTheta)
	}
	if got := zeta(2_000_000, zipfTheta); math.Abs(got-exact) > 1e-9 {
		t.Errorf("zeta by integral %v, by sum %v", got, exact)
	}
}

// TestInstants has planned instants of a constant rate, and of bursts with the same mean.
func TestInstants(t *testing.T) {
	p := plan(t, nil)
	if p.At(0) != start || p.At(2500) != start.Add(2500*time.Millisecond) || p.At(-1) != start.Add(-time.Minute) {
		t.Errorf("planned at %v, %v and %v", p.At(0), p.At(2500), p.At(-1))
	}
	later, err := p.Then(1000, Stretch{Start: start.Add(time.Hour), Rate: 10})
	if err != nil {
		t.Fatal(err)
	}
	if later.At(999) != p.At(999) || later.At(1000) != start.Add(time.Hour) || later.At(1005) != start.Add(time.Hour+500*time.Millisecond) || p.At(1000) != start.Add(time.Second) {
		t.Errorf("a second stretch: %v, %v, %v", later.At(999), later.At(1000), later.At(1005))
	}
	if _, err := later.Then(2000, Stretch{Start: start, Rate: 10}); err == nil {
		t.Error("a stretch was taken that begins before the one ahead of it")
	}
	b, err := ParseBurst("3:1s/10s")
	if err != nil {
		t.Fatal(err)
	}
	p = plan(t, func(_ *Config, s *Stretch) { s.Burst = b })
	for _, c := range []struct {
		n    int64
		want time.Duration
	}{{0, 0}, {3000, time.Second}, {10_000, 10 * time.Second}, {13_000, 11 * time.Second}, {3000 + 7000/9, 2 * time.Second}} {
		if got := p.At(c.n).Sub(start); (got - c.want).Abs() > 2*time.Millisecond {
			t.Errorf("event %d at %v, want %v", c.n, got, c.want)
		}
	}
	before := time.Duration(-1)
	for n := range int64(30_000) {
		if at := p.At(n).Sub(start); at < before {
			t.Fatalf("event %d is planned before event %d", n, n-1)
		} else {
			before = at
		}
	}
	for _, bad := range []string{"3", "1:1s/2s", "3:5s/10s", "x:1s/2s", "3:1s", "3:-1s/10s"} {
		if _, err := ParseBurst(bad); err == nil {
			t.Errorf("burst %q was taken", bad)
		}
	}
}

// TestTies: events of one person that share a millisecond agree on what "the latest" is.
func TestTies(t *testing.T) {
	p := plan(t, func(c *Config, s *Stretch) { c.Persons, s.Rate = 3, 100_000 })
	type at struct {
		person int
		time   int64
	}
	type value struct {
		amount int
		city   uint8
	}
	seen := map[at]value{}
	ties := 0
	for n := range int64(10_000) {
		e := p.Event(n)
		v := value{e.Amount, e.City}
		if other, ok := seen[at{e.Person, e.Time}]; ok {
			ties++
			if other != v {
				t.Fatalf("event %d: %v beside %v", n, v, other)
			}
		}
		seen[at{e.Person, e.Time}] = v
	}
	if ties == 0 {
		t.Error("no tie: nothing was tried")
	}
}

// TestRender reads what is sent with the contract's own decoder.
func TestRender(t *testing.T) {
	p := plan(t, func(c *Config, _ *Stretch) { c.Merges = 0.1 })
	r, d := NewRenderer(p), schemas.NewEventDecoder()
	links, alone := 0, 0
	for n := p.First(); n < 2000; n++ {
		e := p.Event(n)
		text := r.Append(nil, n, &e)
		count := 0
		d.Each(text, func(it schemas.Item) {
			count++
			if it.Err != nil {
				t.Fatalf("event %d: %v: %s", n, it.Err, text)
			}
			ev := it.Event
			if back, ok := p.Seq([]byte(ev.ID)); !ok || back != n || !strings.HasPrefix(ev.ID, p.EventPrefix()) {
				t.Fatalf("event %d has the id %s, read as %d", n, ev.ID, back)
			}
			if ev.Name != e.Kind.String() || ev.TimeMS != e.Time || ev.TimeMS != p.At(n).UnixMilli() {
				t.Fatalf("event %d: %s at %d, planned %v at %v", n, ev.Name, ev.TimeMS, e, p.At(n))
			}
			want := map[node]bool{}
			if e.Customer {
				want[node{e.Person, -1}] = true
			}
			if e.Device >= 0 {
				want[node{e.Person, e.Device}] = true
			}
			for _, id := range ev.Identifiers {
				got, ok := p.parseValue(id.Type, []byte(id.Value))
				if !ok || !want[got] {
					t.Fatalf("event %d: identifier %v, want %v", n, id, want)
				}
				delete(want, got)
			}
			if len(want) > 0 {
				t.Fatalf("event %d lacks %v", n, want)
			}
		})
		if count != 1 {
			t.Fatalf("event %d: %d events in %s", n, count, text)
		}
		if e.Device >= 0 && e.Customer {
			links++
		} else if !e.Customer {
			alone++
		}
	}
	if links < 150 || links > 250 || alone < 500 {
		t.Errorf("%d of 2000 events link, %d are of devices alone; want about 200 and 600", links, alone)
	}
	if _, ok := p.Seq([]byte("other000-0000000000001")); ok {
		t.Error("an event of another run was taken for ours")
	}
}

// TestCatalogues parses all three, and holds the shipped file to its generator.
func TestCatalogues(t *testing.T) {
	for _, n := range []int{1, 12, 300} {
		m, err := NewModel(n)
		if err != nil {
			t.Fatal(err)
		}
		c, err := schemas.ParseCatalog(m.YAML())
		if err != nil {
			t.Fatalf("%d tags: %v", n, err)
		}
		if len(c.Tags) != n || m.Tags() != n {
			t.Errorf("the catalogue of %d tags has %d", n, len(c.Tags))
		}
		if n == 300 && len(c.Features) != 300 {
			t.Errorf("%d features, want 300", len(c.Features))
		}
	}
	m, _ := NewModel(300)
	shipped, err := os.ReadFile("../../schemas/catalog/stress-300.yaml")
	if err != nil || string(shipped) != string(m.YAML()) {
		t.Errorf("schemas/catalog/stress-300.yaml is not what its generator writes (%v): run go generate ./bench/traffic", err)
	}
	if _, err := NewModel(2); err == nil {
		t.Error("a catalogue of 2 tags was made")
	}
}
