// Package kafkastreams is the peer: Portrait's job as one would write it with Kafka Streams, in Java, and what builds it.
//
// The topology: events, parsed by Jackson's streaming parser; a store that says which customer a device belongs to; the repartition
// topic by user; a store of profiles, which hold the features and tags of the catalogue bench-12 in a binary form written
// by hand, and one of timers for what time alone changes; tag changes as schemas/tagchange.schema.json has them.
//
// What it leaves out of Portrait's job, and so has for free: it does not merge profiles (a device that is seen alone first stays
// a user of its own), drops no repeats of a source, hashes no phones, publishes no documents of profiles and no facts,
// and its rules are code, not data.
package kafkastreams

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrToolMissing says that Java or Maven is not installed.
var ErrToolMissing = errors.New("the peer needs a JDK (17 or newer) and mvn on the PATH")

//go:embed pom.xml src
var source embed.FS

// Build returns the class path of the peer: two places of a directory of the cache, which is made if these sources were
// never built there, with Maven (which runs their tests, and fetches 100 MB from Maven Central the first time). An empty
// cache is portrait/ in the user's cache directory. It fails with ErrToolMissing without a JDK or Maven.
func Build(ctx context.Context, cache string) (classes string, err error) {
	for _, tool := range []string{"java", "javac", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("%w: %w", ErrToolMissing, err)
		}
	}
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("cache of the peer: %w; set a cache directory", err)
		}
		cache = filepath.Join(user, "portrait")
	}
	name, err := fingerprint(source)
	if err != nil {
		return "", fmt.Errorf("sources of the peer: %w", err)
	}
	built := filepath.Join(cache, "kafka-streams-peer-"+name)
	if _, err := os.Stat(built); err != nil {
		if err := build(ctx, cache, built); err != nil {
			return "", fmt.Errorf("build the peer: %w", err)
		}
	}
	return filepath.Join(built, "peer.jar") + string(filepath.ListSeparator) + filepath.Join(built, "libs", "*"), nil
}

// fingerprint names a tree of sources by their content.
func fingerprint(tree fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(tree, path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)[:6]), err
}

// build fills a directory of another name first and renames it, so that a half-built one is never used and two processes
// may do it at once.
func build(ctx context.Context, cache, built string) error {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(cache, "kafka-streams-peer.*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := os.CopyFS(fresh, source); err != nil {
		return err
	}
	maven := exec.CommandContext(ctx, "mvn", "-q", "-B", "package")
	maven.Dir = fresh
	if out, err := maven.CombinedOutput(); err != nil {
		return fmt.Errorf("mvn package: %w: %s", err, tail(out))
	}
	if err := os.Rename(filepath.Join(fresh, "target"), built); err != nil {
		if _, missing := os.Stat(built); missing != nil {
			return err
		}
	}
	return nil
}

// tail returns the last part of an output.
func tail(out []byte) string {
	const most = 4000
	return strings.TrimSpace(string(out[max(0, len(out)-most):]))
}
