package machine_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutant is a product file with one guard removed, and the test that must notice.
type mutant struct {
	name, file, old, new string
	pkg, test            string // package below the module's root; -run
}

const (
	protocolFile  = "profile/identity/protocol.go"
	clockFile     = "profile/machine/clock.go"
	countFile     = "profile/machine/count.go"
	catalogFile   = "profile/machine/catalog.go"
	entryFile     = "profile/machine/entry.go"
	hostFile      = "profile/machine/host.go"
	machineFile   = "profile/machine/machine.go"
	itemsFile     = "profile/machine/items.go"
	stateFile     = "profile/machine/state.go"
	partitionFile = "pipeline/partition.go"

	graphs = "^TestIdentityRandomGraphs$"
	limits = "^TestIdentityRandomGraphs$/^limits$"
)

var mutants = []mutant{
	{"freezing", protocolFile, "case r.Proposing: // frozen", "case r.Proposing && false: // frozen", "profile/machine", limits},
	{"passing on Absorb", protocolFile, "pass.To, pass.ToBorn = n.Parent.ID, n.Parent.Born\n\t\tp.Host.Send(pass)", "_ = pass", "profile/machine", graphs + "/^no_limits$"},
	{"a reservation released", protocolFile, "r.release(m.From.ID)", "", "profile/machine", limits},
	{"a reservation made", protocolFile, "r.reserve(q.Child.ID, q.Counts)", "", "profile/machine", limits},
	{"weak edges refused", protocolFile, "if q.Weak && p.strong(mine)", "if false && p.strong(mine)", "profile/machine", "^TestTwoPeopleOnOneTablet$"},
	{"limits", protocolFile, "countOf(mine, c.Type)+c.Count > p.Host.Limit(c.Type)", "c.Count < 0", "profile/machine", limits},
	{"what waits follows to the parent", protocolFile, "\tfor _, q := range r.Deferred {\n\t\tp.forwardProposal(parent.ID, q)\n\t}\n", "", "profile/machine", graphs + "/^no_limits$"},
	{"the queue's bound", protocolFile, "if p.Bounds.fits(len(r.Deferred), proposalBytes(r.Deferred)) {", "if true {", "profile/identity", "^TestQueuesAreBounded$"},
	{"blocked addresses", protocolFile, "case m.Via == n.ID && p.Host.Blocked(n.ID):", "case false:", "profile/machine", "^TestBlockedOnTheWay$"},
	{"the mark of routers", itemsFile, "m.meta.marks[from] = at", "", "profile/machine", "^TestRouterRepeatsAreDropped$"},
	{"the mark of channels", itemsFile, "case seq <= mark:", "case seq < 0:", "profile/machine", graphs + "/^no_limits$"},
	{"gaps", itemsFile, "case seq > mark+1:", "case seq < 0:", "profile/machine", "^TestErrors$"},
	{"another deployment's records", machineFile, "if r.Deployment != m.hash {", "if false {", "profile/machine", "^TestForeignDeployment$"},
	{"repeats at the source", "profile/machine/recent.go", "if r.ids[from+k].hash == hash {", "if false {", "profile/machine", "^TestDuplicatesAtTheSource$"},
	{"the closed relation of merges", stateFile, "p.absorbed = append(p.absorbed, q.absorbed...)", "", "profile/machine", graphs + "/^no_limits$"},
	{"a deadline settled before an event", clockFile, "for k := 0; k < m.dep.TimersPerRecord && e", "for k := 0; k < 0 && e", "profile/machine", "^TestWaveOfTimers$"},
	{"a timer armed again", clockFile, "m.setDue(e, next)", "_ = next", "profile/machine", "^TestWorldRecomputed$"},
	{"the bound of a wave", clockFile, "if k >= most ||", "if", "profile/machine", "^TestWaveOfTimers$"},
	{"the room for events in a wave", clockFile, "budget = min(budget, n)", "", "profile/machine", "^TestWaveOfTimers$"},
	{"a sweep goes by its Continue", clockFile, "&& !more && !m.meta.continuing {", "&& !more {", "profile/machine", "^TestSweepLeavesRoom$"},
	{"one Continue in flight", clockFile, "if more && !m.meta.continuing {", "if more {", "profile/machine", "^TestWaveOfTimers$"},
	{"the other machines' watermarks", clockFile, "return smallest(m.meta.peers)", "return m.meta.heard()", "profile/machine", "^TestNoFalseAbsence$"},
	{"our own watermark through our log", clockFile, "return smallest(m.meta.peers)", "others := append([]int64{1 << 62}, m.meta.peers...)\n\tothers[1+m.self] = 1 << 62\n\treturn smallest(others)", "profile/machine", "^TestNoFalseAbsence$"},
	{"the sweep", clockFile, "if m.meta.sweeping && !more && !m.meta.continuing {", "if false {", "profile/machine", "^TestActivationInTheMiddle$"},
	{"tags of dropped rules leave", catalogFile, "changed := m.dropTags(e, why)", "changed := false", "profile/machine", "^TestActivationInTheMiddle$"},
	{"births are unique in the deployment", entryFile, "b += (int64(m.self) - b%n + n) % n", "_ = n", "profile/machine", "^TestBirthsAreUnique$"},
	{"what is cut stays in memory until committed", "profile/machine/cache.go", "!e.dirty && e.cut <= c.committed", "!e.dirty", "profile/machine", "^TestSameLogSameBytes$"},
	{"a changed entry is cut", countFile, "m.cache.dirty(e)", "", "profile/machine", "^TestSameLogSameBytes$"},
	{"the chain of changes", countFile, "p.changeVersion = c.Version", "", "profile/machine", "^TestWorldRecomputed$"},
	{"the tombstone", hostFile, "m.out.Docs = append(m.out.Docs, Doc{Key: uuidText(id), Version: version})", "", "profile/machine", graphs + "/^no_limits$"},
	{"goodbye to the loser's tags", hostFile, "for len(p.tags) > 0 {", "for false && len(p.tags) > 0 {", "profile/machine", "^TestWorldRecomputed$"},
	{"the loser's timer", hostFile, "m.setDue(e, never)", "", "profile/machine", "^TestWorldRecomputed$"},
	{"checkpoints wait for acknowledgements", partitionFile, "|| p.owed[p.cut.ticket] > 0", "", "pipeline", "^TestCheckpointWaitsForAcks$"},
	{"outputs behind a cut have another ticket", partitionFile, "p.ticket++", "", "pipeline", "^TestCheckpointWaitsForAcks$"},
	{"half a record is not said", partitionFile, "p.batch.Rewind(&p.mark)", "", "pipeline", "^TestStepFails$"},
	{"a panic is an error", partitionFile, "if cause := recover(); cause != nil {", "if cause := any(nil); cause != nil {", "pipeline", "^TestStepFails$"},
}

// TestGuards removes one guard after the other and sees the named test fail. In short mode the places
// are looked up, and only the first mutant runs.
func TestGuards(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(root, m.file))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), m.old) {
				t.Fatalf("%s has no %q: the guard moved, so move this mutant", m.file, m.old)
			}
			if testing.Short() && i > 0 {
				return
			}
			dir := t.TempDir()
			changed, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
			replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, m.file): changed}})
			if err != nil {
				t.Fatal(err)
			}
			for path, content := range map[string][]byte{changed: []byte(strings.Replace(string(text), m.old, m.new, 1)), overlay: replace} {
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), "go", "test", "-short", "-failfast", "-vet=off", "-count=1", "-timeout=60s", "-ldflags=-s -w", "-overlay", overlay, "-run", m.test, "./"+m.pkg)
			cmd.Dir = root
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatalf("%s passes without this guard in %s:\n%s", m.test, m.file, m.old)
			}
			if text := string(out); !strings.Contains(text, "--- FAIL") && !strings.Contains(text, "panic: ") {
				t.Fatalf("the mutant does not run:\n%s", text)
			}
		})
	}
}
