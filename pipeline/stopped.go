package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"portrait/pipeline/normalize"
	"portrait/profile/machine"
	"portrait/profile/store"
	"portrait/schemas"
)

// ErrNoState says that no service ever kept its state in a directory.
var ErrNoState = errors.New("no state")

// Stopped is the state of a service that does not run. It answers what the newest checkpoints know:
// after a crash the log knows more, which the next start applies.
type Stopped struct {
	db       *store.DB
	dep      *schemas.Deployment
	machines map[int]*machine.Machine
}

// OpenStopped opens the state that Config.DataDir of a node named. While the service runs it fails with
// store.ErrLocked; without state it fails with ErrNoState. Close it.
func OpenStopped(dir string) (*Stopped, error) {
	// The store would make what is absent.
	if _, err := os.Stat(filepath.Join(dir, "MANIFEST")); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoState)
	} else if err != nil {
		return nil, err
	}
	db, err := store.Open(dir, store.DefaultOptions())
	if err != nil {
		return nil, err
	}
	dep, err := storedDeployment(db)
	if err == nil && dep == nil {
		err = fmt.Errorf("%s: %w of a deployment", dir, ErrNoState)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Stopped{db: db, dep: dep, machines: map[int]*machine.Machine{}}, nil
}

// storedDeployment is the record that a store was first opened under; nil if it is new.
func storedDeployment(db *store.DB) (*schemas.Deployment, error) {
	record, err := db.Deployment()
	if err != nil || record == nil {
		return nil, err
	}
	dep, err := schemas.ParseDeployment(record)
	if err != nil {
		return nil, fmt.Errorf("data directory: its deployment record is not readable (%w): use an empty directory", err)
	}
	return dep, nil
}

// Deployment is the record that the state was made under.
func (s *Stopped) Deployment() *schemas.Deployment { return s.dep }

// Close lets the next process in.
func (s *Stopped) Close() error { return s.db.Close() }

// Lookup returns the profile that an identifier leads to, in clear or as stored, or ErrNotFound. It needs
// the deployment's key, whatever the identifier's type: a profile's id is derived with it.
func (s *Stopped) Lookup(identifier string, keys normalize.Keys) (*schemas.ProfileDoc, error) {
	norm, err := normalize.New(s.dep, keys)
	if err != nil {
		return nil, err
	}
	id, err := norm.Hash(identifier)
	if err != nil {
		return nil, err
	}
	for range maxHops {
		m, err := s.machine(schemas.PartitionOf(id, s.dep.InboxPartitions), keys)
		if err != nil {
			return nil, err
		}
		doc, parent, err := m.Lookup(id)
		if err != nil || doc != nil {
			return doc, err
		}
		if parent == "" {
			return nil, ErrNotFound
		}
		id = parent
	}
	return nil, fmt.Errorf("lookup: more than %d hops", maxHops)
}

func (s *Stopped) machine(q int, keys normalize.Keys) (*machine.Machine, error) {
	if m := s.machines[q]; m != nil {
		return m, nil
	}
	db, err := s.db.Acquire(q)
	if err != nil {
		return nil, err
	}
	position, meta, err := db.Position()
	if err != nil {
		return nil, err
	}
	m, err := machine.Open(machine.Config{Deployment: s.dep, Partition: q, ProfileKey: keys.ProfileKey()}, db, position, meta)
	if err == nil {
		s.machines[q] = m
	}
	return m, err
}
