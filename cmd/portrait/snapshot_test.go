package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portrait/pipeline/snapshot"
	"portrait/schemas"
)

// command runs one in this process.
func command(t *testing.T, arguments ...string) (out string, err error) {
	t.Helper()
	c := root()
	var b strings.Builder
	c.SetOut(&b)
	c.SetErr(&b)
	c.SetArgs(arguments)
	err = c.ExecuteContext(t.Context())
	return b.String(), err
}

// TestSnapshotCommands lists, verifies and restores a base and a delta; then the delta is damaged.
func TestSnapshotCommands(t *testing.T) {
	dir, data, bucketDir := t.TempDir(), t.TempDir(), t.TempDir()
	config := filepath.Join(dir, "portrait.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "data_dir: %q\nsnapshots: {dir: %q}\n", data, bucketDir), 0o600); err != nil {
		t.Fatal(err)
	}
	dep := schemas.DefaultDeployment()
	dep.ID = "shop"
	record, err := json.Marshal(dep)
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := snapshot.NewDirectory(bucketDir)
	if err != nil {
		t.Fatal(err)
	}
	s := snapshot.NewStore(bucket, "portrait/shop-e1", nil, dir)
	var last snapshot.Info
	for _, h := range []snapshot.Header{{Kind: snapshot.Base, To: 10}, {Kind: snapshot.Delta, From: 10, To: 20}} {
		h.Record, h.Partition, h.Logic = record, 1, 1
		if last, err = s.Write(t.Context(), h, func(w *snapshot.Writer) ([]byte, error) {
			return nil, w.Put([]byte("k"), []byte("value"))
		}); err != nil {
			t.Fatal(err)
		}
	}
	run := func(ok bool, want string, arguments ...string) {
		t.Helper()
		out, err := command(t, append(arguments, "--config", config)...)
		if text := fmt.Sprint(out, err); (err == nil) != ok || !strings.Contains(text, want) {
			t.Errorf("%v: %v\n%s\nwant %q", arguments, err, out, want)
		}
	}
	run(true, `"kind":"delta","from":10,"to":20`, "snapshot", "list", "--json")
	run(true, "delta", "snapshot", "verify", "--partition", "1")
	run(true, "partition 1: from 0 to 20 with 2 snapshots", "snapshot", "restore")
	run(true, "nothing to restore", "snapshot", "restore")
	name := filepath.Join(bucketDir, "portrait", "shop-e1", last.Name)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-1] ^= 1
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run(false, "1 of 2 snapshots are damaged", "snapshot", "verify")
	run(true, "partition 1: from 0 to 10 with 1 snapshots", "snapshot", "restore", "--data", t.TempDir())
	run(false, "none of them \"other\"", "snapshot", "restore", "--deployment", "other")
}
