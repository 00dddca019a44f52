package pipeline

import (
	"strings"
	"syscall"
	"testing"
)

// TestDiskFull fills the file system under a node's state for real: a tmpfs that is made small, and large
// again. Tags go on meanwhile, checkpoints stand and say why, and go on by themselves; afterwards nothing
// is missing in the directory. Where a test may not mount, profile/store's tests with an injected disk stand
// for it.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3g"); err != nil {
		t.Skipf("no tmpfs: %v; see TestFreeSpaceMark and TestDiskFullAtEveryAsk of profile/store", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	resize := func(size string) {
		t.Helper()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size="+size); err != nil {
			t.Fatal(err)
		}
	}
	r := runNode(t, testNode(t, embedded(t), dir))
	r.buy("before", 1)
	r.counted("before", 1)
	// A partition that a node takes while the disk is full ends it: what stands is said by those that it has.
	r.until("every machine runs", func() bool { return len(r.n.Status().Machines) == r.n.dep.InboxPartitions })
	resize("512m") // less than the free-space mark
	events := int64(0)
	var said string
	r.until("checkpoints stand", func() bool {
		events++
		r.buy("meanwhile", int(events))
		for _, m := range r.n.Status().Machines {
			if m.CheckpointError != "" {
				said = m.CheckpointError
			}
		}
		return said != ""
	})
	if !strings.Contains(said, "free some space") || !strings.Contains(said, dir) {
		t.Errorf("%q names neither the place nor the remedy", said)
	}
	r.counted("meanwhile", events) // the machines go on
	resize("3g")
	r.until("checkpoints go on", func() bool {
		for _, m := range r.n.Status().Machines {
			if m.CheckpointError != "" {
				return false
			}
		}
		return true
	})
	keys, state := r.n.keys, r.n.config.DataDir
	r.stop()
	s, err := OpenStopped(state)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]int64{"before": 1, "meanwhile": events} {
		if doc, err := s.Lookup("device_id:"+id, keys); err != nil || doc.Events != want {
			t.Errorf("%s: %+v, %v; want %d events", id, doc, err, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
