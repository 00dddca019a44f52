package machine_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"portrait/schemas"
)

// update rewrites what tests keep in testdata: `go test ./profile/machine -run 'Golden|Transcripts' -update`.
var update = flag.Bool("update", false, "rewrite testdata: transcripts, and the golden hash of the current logic version")

const goldenFile = "testdata/golden.txt"

// TestGolden hashes everything that machines say to a corpus of logs, and the state they end with, and
// compares with what this version of the logic said when it was released.
func TestGolden(t *testing.T) {
	sum := sha256.New()
	for seed := range uint64(6) {
		w := newWorld(t, seed, []string{"{}", "{phone: {max: 2}, device_id: {max: 2}, anonymous_id: {max: 4}}"}[seed%2], func(d *schemas.Deployment) {
			d.QueueLimit = []int{64, 1}[seed/2%2]
			d.TimersPerRecord = 1 + int(seed)
		})
		w.faulty = true
		w.live(40)
		w.activate(2, secondCatalog)
		w.live(40)
		w.settle(70_000)
		for q := range w.members {
			r := newRunner(t, w.cluster, q, 1<<20)
			for r.next < int64(len(r.log)) {
				r.out.take(t, r.apply(1))
			}
			for _, text := range append(r.out.messages, r.out.facts, r.out.tags, r.out.docs, []byte(r.state())) {
				fmt.Fprintf(sum, "%d %x\n", len(text), sha256.Sum256(text))
			}
			fmt.Fprintln(sum, r.out.dead, r.out.markers)
		}
	}
	got := fmt.Sprintf("%x", sum.Sum(nil))
	lines := readGolden(t)
	if *update {
		lines[schemas.LogicVersion] = got
		writeGolden(t, lines)
		t.Logf("golden hash of logic version %d: %s", schemas.LogicVersion, got)
	}
	if want := lines[schemas.LogicVersion]; got != want {
		t.Errorf("the machine answers the corpus of logs otherwise than logic version %d did: hash\n%s, was\n%s\n"+
			"If a machine of that version may run anywhere, raise schemas.LogicVersion: two owners of a partition must say the same,\n"+
			"and a replay must repeat what was said. Then, or if version %[1]d was never released, or if only this test's own logs\n"+
			"(world_test.go, cluster_test.go, the catalogues) have changed: go test ./profile/machine -run Golden -update",
			schemas.LogicVersion, got, want)
	}
}

// readGolden reads the hashes by logic version: a line each, "version hash".
func readGolden(t *testing.T) map[int]string {
	text, err := os.ReadFile(goldenFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	lines := map[int]string{}
	for line := range strings.Lines(string(text)) {
		var version int
		var hash string
		if _, err := fmt.Sscan(line, &version, &hash); err != nil {
			t.Fatalf("%s: %q: %v", goldenFile, line, err)
		}
		lines[version] = hash
	}
	return lines
}

func writeGolden(t *testing.T, lines map[int]string) {
	var b strings.Builder
	for _, version := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&b, "%d %s\n", version, lines[version])
	}
	if err := os.WriteFile(goldenFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
