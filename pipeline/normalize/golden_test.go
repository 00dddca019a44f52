package normalize

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the code answers into testdata/golden.txt: then raise Version")

// TestGolden pins what identifiers become. A line is: region, class, value quoted, answer quoted or
// the repair. If it fails after a library was updated, the rule in doc.go applies: Version rises.
func TestGolden(t *testing.T) {
	const file = "testdata/golden.txt"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	classes := map[string]class{"text": classText, "phone": classPhone, "email": classEmail}
	parsers := make(map[string]*phoneParser)
	var out strings.Builder
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if !*update && lines[0] != fmt.Sprintf("version %d", Version) {
		t.Fatalf("golden.txt begins with %q; the code is version %d", lines[0], Version)
	}
	fmt.Fprintf(&out, "version %d\n", Version)
	for _, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		if len(cells) < 3 {
			t.Fatalf("line %q: want region, class, value, answer", line)
		}
		value, err := strconv.Unquote(cells[2])
		if err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if parsers[cells[0]] == nil {
			if parsers[cells[0]], err = newPhoneParser(cells[0]); err != nil {
				t.Fatal(err)
			}
		}
		n := Normalizer{phones: parsers[cells[0]]}
		text, repair, ok := n.normalise(classes[cells[1]], value)
		answer := strconv.QuoteToASCII(text)
		if !ok {
			answer = repair.String()
		}
		fmt.Fprintln(&out, strings.Join(append(cells[:3:3], answer), "\t"))
		if !*update && (len(cells) != 4 || cells[3] != answer) {
			t.Errorf("%s: the code answers %s", line, answer)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFastPathAgrees compares the fast path with the library: for every prefix of three digits, and
// the next two, in the ways of writing it knows. Where it does not answer there is nothing to compare.
func TestFastPathAgrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	answered := 0
	for _, region := range []string{"CN", "US", "HK"} {
		p := &phoneParser{region: region, recent: map[string]string{}}
		for prefix := 10000; prefix < 20000; prefix += 1 + 9*rng.IntN(2) {
			number := fmt.Sprintf("%d%06d", prefix, rng.IntN(1_000_000))
			spaced := number[:3] + " " + number[3:7] + "-" + number[7:]
			for k, s := range []string{number, "+86" + number, "0086" + number, "+86 " + spaced, spaced, "0086-" + spaced} {
				if k > 1 && rng.IntN(4) > 0 {
					continue // the library is slow
				}
				fast := p.mobileCN(s)
				if fast == "" {
					continue
				}
				answered++
				if want := parseWithLibrary(s, region); fast != want {
					t.Fatalf("region %s: %q is %q here and %q in the library", region, s, fast, want)
				}
			}
		}
	}
	if answered < 5000 {
		t.Fatalf("the fast path answered %d times only", answered)
	}
}

// TestFastPathCovers sees that every valid mobile prefix takes the fast path, but for 1740, which only
// the library knows.
func TestFastPathCovers(t *testing.T) {
	p := &phoneParser{region: "CN"}
	for prefix := 130; prefix < 200; prefix++ {
		number := fmt.Sprintf("%d%08d", prefix, 12345678)
		fast, valid := p.mobileCN(number) != "", parseWithLibrary(number, "CN") != ""
		if fast != valid {
			t.Errorf("%s: fast path %v, library %v", number, fast, valid)
		}
	}
}

func TestPhoneCacheIsBounded(t *testing.T) {
	p := &phoneParser{region: "CN", recent: make(map[string]string)}
	p.recent["010-12345678"] = "" // a wrong answer tells that the cache was asked
	if got := p.parse("010-12345678"); got != "" {
		t.Fatalf("the cache was not asked: %q", got)
	}
	for i := range phoneCacheSize {
		p.recent["x"+strconv.Itoa(i)] = ""
	}
	if got := p.parse("021-12345678"); got != "+862112345678" {
		t.Fatalf("got %q", got)
	}
	if len(p.recent) != 1 || len(p.older) != phoneCacheSize+1 {
		t.Fatalf("generations hold %d and %d", len(p.recent), len(p.older))
	}
	if p.parse("010-12345678"); len(p.recent) != 2 {
		t.Fatal("a number used again did not move to the recent generation")
	}
}
