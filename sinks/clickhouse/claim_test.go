package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"portrait/schemas"
)

// anotherConfig is that of another deployment, which is at its first epoch, too.
func anotherConfig(epoch int) Config {
	c := testConfig(epoch)
	c.Deployment.ID = "another"
	return c
}

// runRefused runs a sink that has to refuse the database, and returns how often it tried again.
func runRefused(t *testing.T, conn driver.Conn, c Config, owner *schemas.Deployment) (troubles int) {
	t.Helper()
	c.Trouble = func(error) { troubles++ }
	s, err := New(conn, c)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Run(t.Context(), 0, &memoryLog{records: mixedLog(c.Deployment, 60).records})
	if !errors.Is(err, ErrOtherDeployment) {
		t.Fatalf("error %v, want %v", err, ErrOtherDeployment)
	}
	for _, want := range []string{"database portrait ", "clickhouse.dsn", "data directory",
		fmt.Sprintf("deployment %s (epoch %d, record %016x)", owner.ID, owner.Epoch, owner.Hash()),
		fmt.Sprintf("of %s (epoch %d, record %016x)", c.Deployment.ID, c.Deployment.Epoch, c.Deployment.Hash())} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	return troubles
}

func TestAnotherDeploymentIsRefused(t *testing.T) {
	_, conn := startDatabase(t)
	c := testConfig(1)
	w := mixedLog(c.Deployment, 30)
	runToEnd(t, conn, c, w)
	changed := testConfig(1) // the same id with another record: an epoch of its own would be right
	changed.Deployment.QueueLimit++
	for _, other := range []Config{anotherConfig(1), changed} {
		if n := runRefused(t, conn, other, c.Deployment); n > 0 {
			t.Errorf("it tried again %d times", n)
		}
	}
	checkStored(t, conn, 1, w)

	// Nor does it matter that ClickHouse is away at first.
	away := &boxed{Conn: conn, dieAt: 1, die: func() {}}
	if n := runRefused(t, away, anotherConfig(1), c.Deployment); n != 1 {
		t.Errorf("it tried again %d times, want once", n)
	}

	next := testConfig(2)
	runToEnd(t, conn, next, newWriter(next.Deployment))
	runRefused(t, conn, anotherConfig(2), next.Deployment)

	runToEnd(t, conn, c, w) // the owner goes on
	checkStored(t, conn, 1, w)
	if got := ask(t, conn, "SELECT groupArray((epoch, deployment)) FROM (SELECT epoch, deployment FROM deployments ORDER BY epoch)"); got != "[(1,'test'),(2,'test')]" {
		t.Errorf("deployments %s", got)
	}
}

// A database that was filled before it said whose it is belongs to the first that asks.
func TestOldDatabaseIsAdopted(t *testing.T) {
	e := keepTestEngine(t)
	files, err := fs.ReadDir(schemas.ClickHouse(), ".")
	if err != nil {
		t.Fatal(err)
	}
	old := fstest.MapFS{}
	for _, f := range files {
		text, err := fs.ReadFile(schemas.ClickHouse(), f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if f.Name() < "0010" {
			old[f.Name()] = &fstest.MapFile{Data: text}
		}
	}
	if err := migrate(t.Context(), e.DSN(), old); err != nil {
		t.Fatal(err)
	}
	conn := connectDatabase(t, e.DSN())
	mustExec(t, conn, "INSERT INTO sink_positions (epoch, facts_partition, next_offset, rule_rows, rule_bytes) VALUES (1, 0, 0, 12, 1000000)")
	if err := Migrate(t.Context(), e.DSN()); err != nil {
		t.Fatal(err)
	}
	c := testConfig(1)
	w := mixedLog(c.Deployment, 30)
	runToEnd(t, conn, c, w)
	checkStored(t, conn, 1, w)
	runRefused(t, conn, anotherConfig(1), c.Deployment)
}

// Of sinks of two deployments that claim a new database at once, those of one have it.
func TestTwoClaimAtOnce(t *testing.T) {
	_, conn := startDatabase(t)
	for epoch := 1; epoch <= 20; epoch++ {
		var all sync.WaitGroup
		begin := make(chan struct{})
		var sinks [6]*Sink
		var errs [6]error
		for i := range sinks {
			c := testConfig(epoch)
			if i%2 == 1 {
				c = anotherConfig(epoch)
			}
			var err error
			if sinks[i], err = New(conn, c); err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				<-begin
				errs[i] = sinks[i].Claim(t.Context())
			})
		}
		close(begin)
		all.Wait()
		owner := ask(t, conn, fmt.Sprintf("SELECT arrayStringConcat(groupArray(deployment), ',') FROM deployments WHERE epoch = %d", epoch))
		for i, s := range sinks {
			if ours := s.config.Deployment.ID == owner; ours && errs[i] != nil || !ours && !errors.Is(errs[i], ErrOtherDeployment) {
				t.Errorf("epoch %d is of %q, a sink of %s: %v", epoch, owner, s.config.Deployment.ID, errs[i])
			}
		}
	}
}

// asked counts the questions whose database it is.
type asked struct {
	driver.Conn
	owner int
}

func (a *asked) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	if query == selectOwner {
		a.owner++
	}
	return a.Conn.Query(ctx, query, args...)
}

func TestClaimIsNotAskedForWithEachBlock(t *testing.T) {
	_, conn := startDatabase(t)
	c := testConfig(1)
	w := mixedLog(c.Deployment, 60)
	blocks := 0
	c.Stored = func(Stored) { blocks++ }
	count := &asked{Conn: conn}
	for _, x := range []struct{ questions, blocks int }{{2, 5}, {1, 0}} { // the first makes the row and reads it back
		count.owner, blocks = 0, 0
		runToEnd(t, count, c, w)
		if count.owner != x.questions || blocks < x.blocks {
			t.Errorf("%d questions with %d blocks; want %d with %d at least", count.owner, blocks, x.questions, x.blocks)
		}
	}
}
