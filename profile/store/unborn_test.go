package store

import (
	"os"
	"path/filepath"
	"testing"
)

// A process killed just when a table in memory was made leaves an empty file, which holds nothing.
func TestOpenAfterKillWhileTableWasMade(t *testing.T) {
	dir := t.TempDir()
	if err := mustOpen(t, dir, testOptions()).Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"00001.mem", "00007.mem"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err := Open(dir, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
