package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Bucket is where objects are kept. Names have slashes and no dots at the beginning of a part. All methods
// may be used by any goroutine.
type Bucket interface {
	// Put stores an object: whole, or not at all. One of the same name is replaced.
	Put(ctx context.Context, name string, r io.Reader, size int64) error
	// Get opens an object. The error of one that is not there wraps fs.ErrNotExist.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// List calls f for each object whose name begins with prefix, in any order.
	List(ctx context.Context, prefix string, f func(name string, size int64)) error
	// Delete removes an object; one that is not there is fine.
	Delete(ctx context.Context, name string) error
}

// directory is a Bucket on a file system that all nodes see.
type directory struct{ root string }

// NewDirectory returns a bucket in a directory, which is made if it is not there.
func NewDirectory(root string) (Bucket, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("snapshots: %w", err)
	}
	return directory{root}, nil
}

// Put implements Bucket: written beside, synced and renamed.
func (d directory) Put(_ context.Context, name string, r io.Reader, _ int64) (err error) {
	path := filepath.Join(d.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("snapshots: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("snapshots: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // beside what went wrong already
		}
	}()
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("snapshots: %w", err)
	}
	return nil
}

// syncDir makes a rename survive the machine.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Get implements Bucket.
func (d directory) Get(_ context.Context, name string) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(d.root, filepath.FromSlash(name)))
	if err != nil {
		return nil, fmt.Errorf("snapshots: %w", err)
	}
	return f, nil
}

// List implements Bucket.
func (d directory) List(_ context.Context, prefix string, f func(name string, size int64)) error {
	start := filepath.Join(d.root, filepath.FromSlash(prefix[:strings.LastIndexByte(prefix, '/')+1]))
	err := filepath.WalkDir(start, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // nothing yet, or deleted just now
		}
		if err != nil || e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			return err
		}
		relative, err := filepath.Rel(d.root, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(relative)
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && strings.HasPrefix(name, prefix) {
			f(name, info.Size())
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("snapshots: %w", err)
	}
	return nil
}

// Delete implements Bucket.
func (d directory) Delete(_ context.Context, name string) error {
	err := os.Remove(filepath.Join(d.root, filepath.FromSlash(name)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("snapshots: %w", err)
	}
	return nil
}
