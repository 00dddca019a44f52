package clickhouse

import (
	"context"
	"errors"
	"fmt"

	"portrait/schemas"
)

// ErrOtherDeployment says that the rows of our epoch in this database are another deployment's: positions are found by epoch and
// partition only, so a sink that went on from them would drop facts as repeats.
var ErrOtherDeployment = errors.New("belongs to another deployment")

// claim makes sure that the rows of our epoch are our deployment's, before anybody trusts a position. The first sink of an epoch
// says so in the table deployments; a database from before that table is taken for ours, too: nothing in it tells.
func (s *server) claim(ctx context.Context) error {
	o, found, err := s.owner(ctx)
	if err != nil {
		return err
	}
	if !found {
		if err := s.insert(ctx, claimInsert(s.dep)); err != nil {
			return err
		}
		if o, found, err = s.owner(ctx); err != nil { // another sink may have been first, also another deployment's
			return err
		}
		if !found {
			return errors.New("deployments is empty right after its row was stored")
		}
	}
	if o.record != s.dep.Hash() {
		return fmt.Errorf("database %s %w: its rows are of deployment %s (epoch %d, record %016x), the facts are of %s (epoch %d, record %016x): "+
			"use another database (clickhouse.dsn; if it is embedded, an empty data directory), or that deployment's brokers or data directory",
			o.database, ErrOtherDeployment, o.deployment, s.epoch, o.record, s.dep.ID, s.dep.Epoch, s.dep.Hash())
	}
	return nil
}

// claimInsert is the row that says whose an epoch is. All deployments store it under one token, so of sinks that claim at once
// ClickHouse takes the first and drops the others.
func claimInsert(dep *schemas.Deployment) Insert {
	return Insert{Table: "deployments", Token: fmt.Sprintf("deployments/%d", dep.Epoch), Columns: []string{"epoch", "deployment", "record"},
		Values: []any{[]uint32{uint32(dep.Epoch)}, []string{dep.ID}, []uint64{dep.Hash()}}}
}

// owner is whose the rows of an epoch are.
type owner struct {
	database   string
	deployment string
	record     uint64 // hash
}

// selectOwner takes the first row if there are several: a table that was copied from elsewhere has forgotten its tokens.
const selectOwner = `SELECT currentDatabase(), deployment, record FROM deployments WHERE epoch = ? ORDER BY stored_at, record LIMIT 1`

// owner reads whose the rows of our epoch are; found is false if nobody has said so.
func (s *server) owner(ctx context.Context) (o owner, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	rows, err := s.conn.Query(ctx, selectOwner, s.epoch)
	if err != nil {
		return o, false, fmt.Errorf("read deployments: %w", err)
	}
	if rows.Next() {
		found = true
		err = rows.Scan(&o.database, &o.deployment, &o.record)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return o, false, fmt.Errorf("read deployments: %w", err)
	}
	return o, found, nil
}
