package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

// inspect reads the manifest and all tables before Badger does. Badger ends the process over a table cut
// short, goes on without a table whose index fails its checksum, and takes a block that it cannot read
// for the end of the table, so that keys are silently absent. The price is one pass over the store.
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
	var contents bytes.Buffer // reused: a table is at most about a memtable
	for id := range manifest.Tables {
		if err := inspectTable(table.NewFilename(id, dir), &contents); err != nil {
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

// inspectTable checks a table: blocks | index | length u32 | checksum | length u32.
func inspectTable(name string, contents *bytes.Buffer) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	contents.Reset()
	_, err = contents.ReadFrom(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	rest, checksum, err := cut(contents.Bytes())
	if err != nil {
		return fmt.Errorf("checksum: %w", err)
	}
	rest, index, err := cut(rest)
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	if len(index) == 0 { // the checksum of nothing is zero: a file of zeros would pass
		return errors.New("no index")
	}
	if err := verify(index, checksum); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	blocks := fb.GetRootAsTableIndex(index, 0)
	for i := range blocks.OffsetsLength() {
		var at fb.BlockOffset
		if !blocks.Offsets(&at, i) || int(at.Offset())+int(at.Len()) > len(rest) {
			return fmt.Errorf("block %d lies outside", i)
		}
		if err := inspectBlock(rest[at.Offset():][:at.Len()]); err != nil {
			return fmt.Errorf("block %d: %w", i, err)
		}
	}
	return nil
}

// inspectBlock checks a block: entries, their offsets and their count | checksum | length u32.
func inspectBlock(block []byte) error {
	data, checksum, err := cut(block)
	if err != nil {
		return fmt.Errorf("checksum: %w", err)
	}
	return verify(data, checksum)
}

func verify(data, checksum []byte) error {
	expected := new(pb.Checksum)
	if err := proto.Unmarshal(checksum, expected); err != nil {
		return fmt.Errorf("checksum: %w", err)
	}
	return y.VerifyChecksum(data, expected)
}

// cut takes data and its length u32 from the end of b.
func cut(b []byte) (rest, data []byte, err error) {
	at := len(b) - 4
	if at < 0 {
		return nil, nil, fmt.Errorf("cut short at %d bytes", len(b))
	}
	n := int(binary.BigEndian.Uint32(b[at:]))
	if n > at {
		return nil, nil, fmt.Errorf("length of %d in %d bytes", n, at)
	}
	return b[:at-n], b[at-n : at], nil
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
