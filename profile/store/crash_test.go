package store

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"portrait/profile"
)

var errCrash = errors.New("crash")

// crashAfter lets n writes through and then fails all others, as a process does that died.
func crashAfter(n int) func() error {
	return func() error {
		if n == 0 {
			return errCrash
		}
		n--
		return nil
	}
}

// story is what the crash tests run: two checkpoints that stay, and one that is interrupted.
func story(large bool) (before model, kept []*profile.Checkpoint, cut *profile.Checkpoint) {
	kept = []*profile.Checkpoint{random(1), random(2)}
	for _, c := range kept {
		before = before.after(c)
	}
	cut = random(3)
	if large {
		cut = random(4)
	}
	return before, kept, cut
}

// crash plays the story in dir and dies after n writes of the last commit. It reports whether that
// was before the commit's end.
func crash(t *testing.T, dir string, large bool, n int) bool {
	t.Helper()
	o := testOptions()
	var armed func() error
	o.beforeWrite = func() error {
		if armed == nil {
			return nil
		}
		return armed()
	}
	db := mustOpen(t, dir, o)
	defer mustClose(t, db)
	p := mustAcquire(t, db, 0)
	before, kept, cut := story(large)
	for _, c := range kept {
		mustCommit(t, p, c)
	}
	armed = crashAfter(n)
	err := p.Commit(cut)
	switch {
	case err == nil:
		before.after(cut).require(t, p)
	case !errors.Is(err, errCrash):
		t.Fatal(err)
	default:
		// What the living process still sees is the old checkpoint, or a refusal; never a mixture.
		if d := before.difference(p); d != "" && !strings.Contains(d, ErrStale.Error()) {
			t.Fatalf("after the failure: %s", d)
		}
	}
	return armed() != nil
}

// writesUntilValid is how many writes a commit of the story takes until a crash leaves the new state:
// the one transaction, or all parts and the end record.
func writesUntilValid(t *testing.T, large bool) int {
	t.Helper()
	if !large {
		return 1
	}
	writes := 0
	o := testOptions()
	o.beforeWrite = func() error { writes++; return nil }
	p := mustAcquire(t, mustOpen(t, t.TempDir(), o), 0)
	_, _, cut := story(large)
	writes = 0
	parts, err := p.stage(cut)
	if err != nil || parts < 2 || int(parts) != writes {
		t.Fatalf("%d parts in %d writes, %v; the story's checkpoint should take several", parts, writes, err)
	}
	return writes + 1
}

func TestCrashAtEveryWrite(t *testing.T) {
	for _, c := range []struct {
		name  string
		large bool
	}{{"one transaction", false}, {"in parts", true}} {
		t.Run(c.name, func(t *testing.T) {
			valid := writesUntilValid(t, c.large)
			before, _, cut := story(c.large)
			after := before.after(cut)
			for n := 0; ; n++ {
				dir := t.TempDir()
				died := crash(t, dir, c.large, n)
				want := before
				if n >= valid {
					want = after
				}
				recoverWithCrashes(t, dir, want, fmt.Sprintf("after %d writes", n))
				if !died {
					if n < valid {
						t.Fatalf("commit took %d writes, expected at least %d", n, valid)
					}
					return
				}
			}
		})
	}
}

// recoverWithCrashes opens dir, each time dying one write later, until recovery comes through; then
// the state must be want, and the next checkpoint must go in, also one in parts.
func recoverWithCrashes(t *testing.T, dir string, want model, when string) {
	t.Helper()
	for n := 0; ; n++ {
		o := testOptions()
		o.beforeWrite = crashAfter(n)
		db := mustOpen(t, dir, o)
		p, err := db.Acquire(0)
		if err == nil {
			if d := want.difference(p); d != "" {
				t.Fatalf("%s, recovered with %d writes: %s", when, n, d)
			}
			mustClose(t, db)
			break
		}
		if !errors.Is(err, errCrash) {
			t.Fatalf("%s, recovery: %v", when, err)
		}
		mustClose(t, db)
	}
	p := mustAcquire(t, mustOpen(t, dir, testOptions()), 0)
	for _, n := range []int64{8, 9} {
		mustCommit(t, p, random(n))
		want = want.after(random(n))
	}
	want.require(t, p)
}

const (
	childVariable = "PORTRAIT_STORE_TEST_DIRECTORY"
	committed     = "committed "
)

// commitForEver is the child of TestKilled: it commits the script from where the store is, and says on
// stdout before each write, and after each commit, where it is.
func commitForEver(dir string) error {
	o := testOptions()
	o.beforeWrite = func() error { fmt.Println("write"); return nil }
	db, err := Open(dir, o)
	if err != nil {
		return err
	}
	p, err := db.Acquire(0)
	if err != nil {
		return err
	}
	position, _, err := p.Position()
	if err != nil {
		return err
	}
	for n := position + 1; ; n++ {
		if err := p.Commit(random(n)); err != nil {
			return err
		}
		fmt.Println(committed + strconv.FormatInt(n, 10))
	}
}

func TestKilled(t *testing.T) {
	dir := t.TempDir()
	var m model
	for round := range 15 {
		acknowledged := killChild(t, dir, 1+11*round%37)
		db := mustOpen(t, dir, testOptions())
		p := mustAcquire(t, db, 0)
		position, _, err := p.Position()
		if err != nil || position < max(acknowledged, m.position) {
			t.Fatalf("round %d: at %d, %v; %d was acknowledged, %d found before", round, position, err, acknowledged, m.position)
		}
		for m.position < position {
			m = m.after(random(m.position + 1))
		}
		m.require(t, p)
		mustClose(t, db)
	}
	if m.position < 20 {
		t.Fatalf("only %d commits in all rounds: the test did not get far enough to tell anything", m.position)
	}
}

// killChild runs a child until it has said so many lines, kills it, and returns the last position
// that it said to be committed.
func killChild(t *testing.T, dir string, lines int) (acknowledged int64) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childVariable+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	for seen := 0; said.Scan(); {
		if number, ok := strings.CutPrefix(said.Text(), committed); ok {
			if acknowledged, err = strconv.ParseInt(number, 10, 64); err != nil {
				t.Error(err)
			}
		}
		if seen++; seen == lines {
			if err := child.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return acknowledged
}
