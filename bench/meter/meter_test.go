package meter

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestOwn reads this process's figures twice: CPU only grows, and both ways agree.
func TestOwn(t *testing.T) {
	before, err := CPU()
	if err != nil {
		t.Fatal(err)
	}
	x := 1.0
	for i := range 50_000_000 {
		x += float64(i)
	}
	after, err := CPU()
	if err != nil || after <= before || x == 0 {
		t.Errorf("CPU %v, then %v (%v)", before, after, err)
	}
	other, err := CPUOf(os.Getpid())
	if err != nil || (other-after).Abs() > after/2+10*clockTick {
		t.Errorf("by /proc %v, by getrusage %v (%v)", other, after, err)
	}
	if rss, err := RSS(os.Getpid()); err != nil || rss < 1<<20 {
		t.Errorf("%d bytes resident (%v)", rss, err)
	}
	if m := ThisMachine(); m.Cores < 1 || m.MemoryMB < 1 || m.CPU == "" {
		t.Errorf("machine %+v", m)
	}
}

func TestDisk(t *testing.T) {
	dir := t.TempDir()
	if n, err := Disk(dir); err != nil || n != 0 {
		t.Errorf("an empty directory has %d bytes (%v)", n, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x"), make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("sync", "-f", dir).Run(); err != nil { // some file systems say later what a file occupies
		t.Log(err)
	}
	if n, err := Disk(dir); err != nil || n < 100_000 || n > 1_000_000 {
		t.Errorf("100,000 bytes occupy %d (%v)", n, err)
	}
	if n, err := Disk(filepath.Join(dir, "nowhere")); err != nil || n != 0 {
		t.Errorf("what is not there occupies %d (%v)", n, err)
	}
	if _, err := CPUOf(-1); err == nil {
		t.Error("a process that cannot be was measured")
	}
}
