package clickhouse

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tarball returns an npm tarball with one file, and its integrity.
func tarball(t *testing.T, name, content string) ([]byte, string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	archive := tar.NewWriter(z)
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(archive.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(b.Bytes())
	return b.Bytes(), "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

// deliver is a download that brings these bytes and counts its calls.
func deliver(content []byte, calls *int) func(context.Context, io.Writer, string) (string, error) {
	return func(_ context.Context, _ io.Writer, dir string) (string, error) {
		*calls++ // only the holder of the lock downloads
		path := filepath.Join(dir, "engine.tgz")
		return path, os.WriteFile(path, content, 0o600)
	}
}

func TestFetchOnceForAll(t *testing.T) {
	content, integrity := tarball(t, engineFile, "library")
	dir, calls := t.TempDir(), 0
	// What a process that was killed in mid-download leaves behind: its files, and no lock.
	if err := os.MkdirAll(filepath.Join(dir, "incoming"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lock", "incoming/libchdb.so", "incoming/old.tgz"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			f := fetcher{dir, integrity, deliver(content, &calls)}
			path, err := f.fetch(t.Context(), io.Discard)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != "library" {
				t.Errorf("the library holds %q, %v", got, err)
			}
		})
	}
	all.Wait()
	if calls != 1 {
		t.Errorf("downloaded %d times, want once", calls)
	}
	if _, err := os.Stat(filepath.Join(dir, "incoming")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("remains of the download: %v", err)
	}
}

func TestFetchRefuses(t *testing.T) {
	content, integrity := tarball(t, engineFile, "library")
	stray, strayIntegrity := tarball(t, "package/other.so", "library")
	for _, c := range []struct {
		name      string
		content   []byte
		integrity string
		want      string
	}{
		{"another content", append(bytes.Clone(content), 0), integrity, "not what was pinned"},
		{"a tarball without the library", stray, strayIntegrity, "no package/libchdb.so inside"},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := 0
			f := fetcher{t.TempDir(), c.integrity, deliver(c.content, &calls)}
			_, err := f.fetch(t.Context(), io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if errors.Is(err, ErrEngineUnavailable) {
				t.Error("a wrong download counts as none: tests would be skipped")
			}
			if _, err := os.Stat(filepath.Join(f.dir, "libchdb.so")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the library is there all the same: %v", err)
			}
		})
	}
}

func TestNPM(t *testing.T) {
	for _, c := range []struct {
		name   string
		script string // "" for none
		want   []string
	}{
		{"missing", "", []string{"npm is not installed", "install Node.js", "configure the address"}},
		{"failing", "#!/bin/sh\necho no route to registry >&2\nexit 7\n", []string{"exit status 7", "no route to registry", "check the network"}},
		{"bringing nothing", "#!/bin/sh\nexit 0\n", []string{"0 tarballs"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bin := t.TempDir()
			if c.script != "" {
				if err := os.WriteFile(filepath.Join(bin, "npm"), []byte(c.script), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", bin)
			f := fetcher{t.TempDir(), engineIntegrity, npmPack}
			_, err := f.fetch(t.Context(), io.Discard)
			if !errors.Is(err, ErrEngineUnavailable) {
				t.Fatalf("error %v, want one that says that there is no engine", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}
