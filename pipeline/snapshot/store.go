package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"portrait/profile"
)

// Store is the snapshots of one deployment in a bucket. All methods may be used by any goroutine.
type Store struct {
	bucket Bucket
	prefix string // of all names, with a slash at its end
	key    *Key
	temp   string // directory for what is on its way
}

// NewStore returns the snapshots under a prefix ("shop/3f2a-e1"). With a key, what is written is sealed,
// and what is read may be. Files on their way lie in temp.
func NewStore(bucket Bucket, prefix string, key *Key, temp string) *Store {
	return &Store{bucket: bucket, prefix: strings.Trim(prefix, "/") + "/", key: key, temp: temp}
}

// Deployments returns the parts behind a prefix under which there are snapshots, ascending: ID-eEPOCH.
func Deployments(ctx context.Context, b Bucket, prefix string) (list []string, err error) {
	prefix = strings.Trim(prefix, "/") + "/"
	err = b.List(ctx, prefix, func(name string, _ int64) {
		d, rest, ok := strings.Cut(strings.TrimPrefix(name, prefix), "/")
		if _, is := parseName(rest); ok && is && !slices.Contains(list, d) {
			list = append(list, d)
		}
	})
	slices.Sort(list)
	return list, err
}

// List returns the snapshots of a partition, or of all if it is negative, in order of where they lead to.
func (s *Store) List(ctx context.Context, partition int) ([]Info, error) {
	prefix := s.prefix
	if partition >= 0 {
		prefix += fmt.Sprintf("p%05d/", partition)
	}
	var list []Info
	err := s.bucket.List(ctx, prefix, func(name string, size int64) {
		if i, ok := parseName(strings.TrimPrefix(name, s.prefix)); ok {
			i.Size = size
			list = append(list, i)
		}
	})
	slices.SortFunc(list, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

// Write makes a snapshot of what fill puts into it; fill returns the meta of the checkpoint. It is first
// written to a file, so that its length is known and a failure leaves nothing.
func (s *Store) Write(ctx context.Context, h Header, fill func(w *Writer) (meta []byte, err error)) (i Info, err error) {
	return s.write(ctx, func(f io.Writer) (*Header, error) {
		w, err := NewWriter(f, h, s.key)
		if err != nil {
			return nil, err
		}
		meta, err := fill(w)
		if err != nil {
			return nil, err
		}
		return &h, w.Close(meta)
	})
}

// Export makes a base of what source says: begin with position and meta of a checkpoint, then f with each key,
// ascending. The header's To is the position.
func (s *Store) Export(ctx context.Context, h Header,
	source func(begin func(position int64, meta []byte) error, f func(key, value []byte) error) error) (i Info, err error) {
	return s.write(ctx, func(f io.Writer) (*Header, error) {
		var w *Writer
		var last []byte
		err := source(func(position int64, meta []byte) (err error) {
			h.To, last = position, meta
			w, err = NewWriter(f, h, s.key)
			return err
		}, func(key, value []byte) error { return w.Put(key, value) })
		if err != nil {
			return nil, err
		}
		return &h, w.Close(last)
	})
}

// write puts into the bucket what make has written to a file.
func (s *Store) write(ctx context.Context, make func(io.Writer) (*Header, error)) (i Info, err error) {
	f, done, err := s.scratch()
	if err != nil {
		return i, err
	}
	defer done()
	h, err := make(f)
	if err != nil {
		return i, err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return i, fmt.Errorf("snapshot: %w", err)
	}
	i = Info{Name: name(h), Partition: h.Partition, Kind: h.Kind, From: h.From, To: h.To, Logic: h.Logic, Size: size}
	return i, s.bucket.Put(ctx, s.prefix+i.Name, f, size)
}

// scratch returns a file that is gone when done is called, or the process ends.
func (s *Store) scratch() (f *os.File, done func(), err error) {
	if err := os.MkdirAll(s.temp, 0o700); err != nil {
		return nil, nil, fmt.Errorf("snapshot: %w", err)
	}
	if f, err = os.CreateTemp(s.temp, "snapshot-*"); err != nil {
		return nil, nil, fmt.Errorf("snapshot: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil { // the file lives while it is open
		return nil, nil, errors.Join(fmt.Errorf("snapshot: %w", err), f.Close())
	}
	return f, func() { _ = f.Close() }, nil // nothing of it is needed any more
}

// Copy is a snapshot that was fetched and verified from beginning to end.
type Copy struct {
	Header *Header
	Meta   []byte
	store  *Store
	file   *os.File
}

// Close lets go of the file.
func (c *Copy) Close() { _ = c.file.Close() } // unlinked already

// Each calls f for each entry in order.
func (c *Copy) Each(f func(profile.Change) error) error {
	if _, err := c.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	_, err := c.store.walk(c.file, f)
	return err
}

// Fetch brings a snapshot here and verifies all of it. Damage is ErrCorrupt, and so is a header that
// contradicts the name. Close the copy.
func (s *Store) Fetch(ctx context.Context, i Info) (_ *Copy, err error) {
	r, err := s.bucket.Get(ctx, s.prefix+i.Name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	f, done, err := s.scratch()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			done()
			err = fmt.Errorf("%s: %w", i.Name, err)
		}
	}()
	if _, err := io.Copy(f, r); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	in, err := s.walk(f, func(profile.Change) error { return nil })
	if err != nil {
		return nil, err
	}
	if name(in.Header) != i.Name {
		return nil, fmt.Errorf("%w: it is %s under another name", ErrCorrupt, name(in.Header))
	}
	return &Copy{Header: in.Header, Meta: in.Meta(), store: s, file: f}, nil
}

// walk reads a snapshot to its end.
func (s *Store) walk(r io.Reader, f func(profile.Change) error) (*Reader, error) {
	in, err := NewReader(r, s.key)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	for {
		c, err := in.Next()
		if errors.Is(err, io.EOF) {
			return in, nil
		}
		if err == nil {
			err = f(c)
		}
		if err != nil {
			return nil, err
		}
	}
}

// Prune deletes what retention does not need: all that is older than the keep-th newest base of a partition.
func (s *Store) Prune(ctx context.Context, partition, keep int) (deleted int, err error) {
	list, err := s.List(ctx, partition)
	if err != nil {
		return 0, err
	}
	for _, i := range Obsolete(list, keep) {
		if err := s.bucket.Delete(ctx, s.prefix+i.Name); err != nil {
			return deleted, err
		}
		deleted++
	}
	return deleted, nil
}
