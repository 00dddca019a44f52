package clickhouse

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// slowServer answers each question with one position, takes inserts as the driver does, and both take their time.
type slowServer struct {
	driver.Conn
	at      Position
	answer  func(look int) time.Duration // from an answer until the sink goes on
	insert  time.Duration
	looks   int
	looked  time.Time
	oldest  time.Duration // between a look and the end of an insert after it
	inserts []string
}

func (s *slowServer) Query(context.Context, string, ...any) (driver.Rows, error) {
	s.looks++
	s.looked = time.Now()
	return &slowRows{server: s}, nil
}

type slowRows struct {
	driver.Rows
	server *slowServer
	done   bool
}

func (r *slowRows) Next() bool {
	first := !r.done
	r.done = true
	return first
}

func (r *slowRows) Scan(to ...any) error {
	*to[0].(*int64), *to[1].(*uint32), *to[2].(*uint64) = r.server.at.Next, uint32(r.server.at.Rule.Rows), uint64(r.server.at.Rule.Bytes)
	return nil
}

func (r *slowRows) Err() error { return nil }
func (r *slowRows) Close() error {
	time.Sleep(r.server.answer(r.server.looks))
	return nil
}

func (s *slowServer) PrepareBatch(ctx context.Context, statement string, _ ...driver.PrepareBatchOption) (driver.Batch, error) {
	return &slowBatch{ctx: ctx, server: s, statement: statement}, ctx.Err()
}

type slowBatch struct {
	driver.Batch
	ctx       context.Context
	server    *slowServer
	statement string
}

func (b *slowBatch) Column(int) driver.BatchColumn { return nowhere{} }
func (b *slowBatch) IsSent() bool                  { return false }
func (b *slowBatch) Abort() error                  { return nil }
func (b *slowBatch) Send() error {
	select {
	case <-b.ctx.Done():
		return b.ctx.Err()
	case <-time.After(b.server.insert):
	}
	b.server.inserts = append(b.server.inserts, b.statement)
	b.server.oldest = max(b.server.oldest, time.Since(b.server.looked))
	return nil
}

type nowhere struct{ driver.BatchColumn }

func (nowhere) Append(any) error { return nil }

// storeSlowly stores a block with rows of all tables on such a server.
func storeSlowly(t *testing.T, server *slowServer, trouble func(error)) (ahead bool) {
	t.Helper()
	c := DefaultConfig(testDeployment(1))
	c.Trouble = trouble
	s, err := New(server, c)
	if err != nil {
		t.Fatal(err)
	}
	server.at.Rule = c.Rule
	w, offset := newWriter(c.Deployment), int64(0)
	for kind := range 8 {
		w.add(0, begin, mixedFact(kind, uint64(kind), &offset, 1, begin))
	}
	w.add(0, begin+1000)
	steps := NewSteps(c.Deployment, 0, server.at, c.Rule)
	for _, r := range w.records {
		blocks, err := steps.Add(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			d := &drive{s, 0, newSurvivors(s.server, c.Trouble, c.RetryMax)}
			if ahead, err = d.store(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	return ahead
}

// A server so slow that a block takes minutes is looked at again and again, and gets it.
func TestBlockOnASlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &slowServer{insert: 20 * time.Second, answer: func(int) time.Duration { return time.Second }}
		if ahead := storeSlowly(t, server, func(err error) { t.Fatal(err) }); ahead || len(server.inserts) != tableCount+1 {
			t.Errorf("ahead %v, inserts %q; want all %d tables and the position", ahead, server.inserts, tableCount)
		}
		if server.looks != 5 || server.oldest > time.Minute {
			t.Errorf("%d looks, an insert ended %v after the last; want one look per 30 s", server.looks, server.oldest)
		}
	})
}

// A process that sleeps for an hour right after it has looked does not wake up to an insert: it looks again, and another sink is
// ahead.
func TestSinkThatSlept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &slowServer{insert: time.Second}
		server.answer = func(look int) time.Duration {
			if look > 1 {
				return 0
			}
			server.at.Next = 100 // stored by another one meanwhile
			return time.Hour
		}
		var troubles []error
		if ahead := storeSlowly(t, server, func(err error) { troubles = append(troubles, err) }); !ahead || len(server.inserts) > 0 {
			t.Errorf("ahead %v, inserts %q; want none", ahead, server.inserts)
		}
		if len(troubles) != 1 || !errors.Is(troubles[0], context.DeadlineExceeded) {
			t.Errorf("troubles %v, want one insert that was too late", troubles)
		}
	})
}

// The driver sends nothing once a deadline is over: what the test above takes for granted.
func TestInsertBehindItsDeadline(t *testing.T) {
	_, conn := startDatabase(t)
	s, err := New(conn, testConfig(1))
	if err != nil {
		t.Fatal(err)
	}
	d := &drive{s, 0, nil}
	if err := d.insertUntil(t.Context(), time.Now().Add(-time.Millisecond), FirstInsert(1, 0, smallRule)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
	}
	if n := ask(t, conn, "SELECT count() FROM sink_positions"); n != "0" {
		t.Errorf("%s rows were stored", n)
	}
}
