package snapshot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"portrait/profile"
)

// onEach runs a test on both kinds of buckets.
func onEach(t *testing.T, test func(t *testing.T, b Bucket)) {
	t.Run("directory", func(t *testing.T) {
		b, err := NewDirectory(filepath.Join(t.TempDir(), "made", "here"))
		if err != nil {
			t.Fatal(err)
		}
		test(t, b)
	})
	t.Run("s3", func(t *testing.T) { test(t, newS3(t)) })
}

func TestBucket(t *testing.T) {
	onEach(t, func(t *testing.T, b Bucket) {
		ctx := t.Context()
		list := func(prefix string) (names []string) {
			if err := b.List(ctx, prefix, func(name string, size int64) {
				if size != int64(len(name)) {
					t.Errorf("%s has %d bytes", name, size)
				}
				names = append(names, name)
			}); err != nil {
				t.Fatal(err)
			}
			slices.Sort(names)
			return names
		}
		if got := list("a/"); len(got) != 0 {
			t.Errorf("fresh: %v", got)
		}
		for _, name := range []string{"a/p1/x", "a/p1/y", "a/p2/x", "b/p1/x"} {
			for range 2 { // again replaces
				if err := b.Put(ctx, name, bytes.NewReader([]byte(name)), int64(len(name))); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := list("a/p1/"); !slices.Equal(got, []string{"a/p1/x", "a/p1/y"}) {
			t.Errorf("a/p1/: %v", got)
		}
		r, err := b.Get(ctx, "a/p1/y")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); string(got) != "a/p1/y" || err != nil || r.Close() != nil {
			t.Errorf("%q, %v", got, err)
		}
		for range 2 {
			if err := b.Delete(ctx, "a/p1/y"); err != nil {
				t.Error(err)
			}
		}
		if _, err := b.Get(ctx, "a/p1/y"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("deleted: %v", err)
		}
		if got := list("a/"); !slices.Equal(got, []string{"a/p1/x", "a/p2/x"}) {
			t.Errorf("at the end: %v", got)
		}
	})
}

// broken is a bucket whose uploads fail.
type broken struct{ Bucket }

func (b broken) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	_, _ = io.CopyN(io.Discard, r, size/2)
	return errors.New("the store is away")
}

func TestWriteFetchPrune(t *testing.T) {
	onEach(t, func(t *testing.T, b Bucket) {
		ctx, temp := t.Context(), t.TempDir()
		s := NewStore(b, "/shop/x-e1/", testKeys(t)["sealed"], temp)
		put := func(s *Store, kind Kind, from, to int64) (Info, error) {
			h := testHeader()
			h.Kind, h.From, h.To = kind, from, to
			return s.Write(ctx, h, func(w *Writer) ([]byte, error) { return []byte("meta"), w.Put([]byte("k"), []byte("v")) })
		}
		if _, err := put(NewStore(broken{b}, "shop/x-e1", nil, temp), Base, 0, 5); err == nil {
			t.Error("a failed upload is no error")
		}
		for _, i := range []Info{base(10), delta(10, 20), base(20), delta(20, 30)} {
			if _, err := put(s, i.Kind, i.From, i.To); err != nil {
				t.Fatal(err)
			}
		}
		if other, err := s.List(ctx, 4); err != nil || len(other) != 0 {
			t.Errorf("another partition: %v, %v", other, err)
		}
		list, err := s.List(ctx, 3)
		if err != nil || len(list) != 4 || Best(list, 0).To() != 30 {
			t.Fatalf("%v, %v", list, err)
		}
		oldest := list[0]
		c, err := s.Fetch(ctx, Best(list, 0)[1])
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		if err := c.Each(func(c profile.Change) error { n++; return nil }); err != nil || n != 1 || string(c.Meta) != "meta" || c.Header.To != 30 {
			t.Errorf("%d entries, meta %q, %v", n, c.Meta, err)
		}
		c.Close()
		if deleted, err := s.Prune(ctx, 3, 1); deleted != 2 || err != nil {
			t.Errorf("deleted %d, %v", deleted, err)
		}
		if list, err = s.List(ctx, -1); err != nil || len(list) != 2 {
			t.Errorf("left: %v, %v", list, err)
		}
		if _, err := s.Fetch(ctx, oldest); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("deleted: %v", err)
		}
		if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
			t.Errorf("files on their way stay: %v, %v", left, err)
		}
	})
}

// TestRenamed: an object under another's name is damage, however whole it is.
func TestRenamed(t *testing.T) {
	dir := t.TempDir()
	b, err := NewDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := NewStore(b, "x", nil, t.TempDir())
	i, err := s.Write(t.Context(), testHeader(), func(*Writer) ([]byte, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	h := testHeader()
	h.To++
	if err := os.Rename(filepath.Join(dir, "x", i.Name), filepath.Join(dir, "x", name(&h))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Fetch(t.Context(), named(h)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%v", err)
	}
}
