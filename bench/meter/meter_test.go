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
	before64, err := Files(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	open, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if n, err := Files(os.Getpid()); err != nil || n != before64+1 {
		t.Errorf("%d files are open, then %d (%v)", before64, n, err)
	}
	stop := make(chan struct{})
	few, err := Goroutines(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		go func() { <-stop }()
	}
	if many, err := Goroutines(os.Getpid()); err != nil || many < few+100 {
		t.Errorf("%d goroutines, then %d (%v)", few, many, err)
	}
	close(stop)
	if threads, err := Goroutines(os.Getppid()); err != nil || threads < 1 {
		t.Errorf("the parent has %d threads (%v)", threads, err)
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
