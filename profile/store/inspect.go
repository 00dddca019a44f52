package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

// inspect reads the manifest and the index of each table before Badger does: Badger ends the process
// over a table cut short, and goes on without one whose index fails its checksum.
func inspect(dir string, settings badger.Options) error {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return inspectFresh(dir)
	}
	if err != nil {
		return err
	}
	manifest, _, err := badger.ReplayManifestFile(f, settings.ExternalMagicVersion, settings)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("manifest: %w", classify(err))
	}
	for id := range manifest.Tables {
		if err := inspectTable(table.NewFilename(id, dir)); err != nil {
			return fmt.Errorf("table %d: %w: %w; %s", id, err, ErrCorrupt, remedy)
		}
	}
	return nil
}

// inspectFresh refuses a directory with tables or logs but no manifest: Badger would remove them.
func inspectFresh(dir string) error {
	for _, pattern := range []string{"*.sst", "*.mem"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("%s without a manifest: %w; %s", filepath.Base(found[0]), ErrCorrupt, remedy)
		}
	}
	return nil
}

// inspectTable checks the end of a table: blocks | index | length u32 | checksum | length u32.
func inspectTable(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return err
	}
	at := info.Size()
	checksum, at, err := readBefore(f, at)
	if err != nil {
		return fmt.Errorf("checksum: %w", err)
	}
	index, _, err := readBefore(f, at)
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	expected := new(pb.Checksum)
	if err := proto.Unmarshal(checksum, expected); err != nil {
		return fmt.Errorf("checksum: %w", err)
	}
	return y.VerifyChecksum(index, expected)
}

// readBefore reads what ends at offset at: data and its length. It returns where the data begins.
func readBefore(f *os.File, at int64) (data []byte, begin int64, err error) {
	var length [4]byte
	if at < 4 {
		return nil, 0, fmt.Errorf("file cut short: %d bytes", at)
	}
	if _, err := f.ReadAt(length[:], at-4); err != nil {
		return nil, 0, err
	}
	n := int64(binary.BigEndian.Uint32(length[:]))
	if n > at-4 {
		return nil, 0, fmt.Errorf("length of %d in a file of %d bytes", n, at)
	}
	data = make([]byte, n)
	if _, err := f.ReadAt(data, at-4-n); err != nil {
		return nil, 0, err
	}
	return data, at - 4 - n, nil
}

// classify tells damage from what the operating system refuses and from a directory of another layout.
// Badger keeps only the text of errors.
func classify(err error) error {
	for _, refusal := range []string{
		"permission denied", "no space left", "too many open files", "cannot allocate memory",
		"read-only file system", "unsupported version", "magic number doesn't match",
	} {
		if strings.Contains(err.Error(), refusal) {
			return err
		}
	}
	return fmt.Errorf("%w: %w; %s", err, ErrCorrupt, remedy)
}
