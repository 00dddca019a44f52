package clickhouse

import (
	"context"
	"errors"
	"math"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// boxed stands between the sink and the server and counts what the sink asks for. At the chosen
// operation the process dies, once: before the server hears of it, or after an insert, with the answer lost. If that one fails by
// itself it is the next that works.
type boxed struct {
	driver.Conn
	operations int
	inserts    map[int]bool // which operations were inserts
	dieAt      int          // never, once it has died
	after      bool
	die        func()
}

const never = math.MaxInt

var errDied = errors.New("the process died here")

func (b *boxed) step(after bool) error {
	if b.operations < b.dieAt || after != b.after {
		return nil
	}
	b.dieAt = never
	b.die()
	return errDied
}

func (b *boxed) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	b.operations++
	if err := b.step(false); err != nil {
		return nil, err
	}
	return b.Conn.Query(ctx, query, args...)
}

func (b *boxed) PrepareBatch(ctx context.Context, query string, opts ...driver.PrepareBatchOption) (driver.Batch, error) {
	batch, err := b.Conn.PrepareBatch(ctx, query, opts...)
	return &boxedBatch{batch, b}, err
}

type boxedBatch struct {
	driver.Batch
	box *boxed
}

func (b *boxedBatch) Send() error {
	b.box.operations++
	if b.box.inserts != nil {
		b.box.inserts[b.box.operations] = true
	}
	if err := b.box.step(false); err != nil {
		return err
	}
	if err := b.Batch.Send(); err != nil {
		return err
	}
	return b.box.step(true)
}
