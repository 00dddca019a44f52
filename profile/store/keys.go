package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// room is the part of a generation that a key lies in.
type room byte

const (
	roomGeneration room = 'g'
	roomCheckpoint room = 'c'
	roomData       room = 'd'
	roomEnd        room = 'e'
	roomStaged     room = 's'
	roomDeployment room = 'D'
)

const (
	prefixSize = 9 // partition, generation, room
	partSize   = 4 // number of a part, in roomStaged

	// maxPartition keeps partitions away from Badger's reserved prefix "!badger!" and from wholeStore.
	maxPartition = 1<<16 - 1
	wholeStore   = 1<<32 - 1 // in place of a partition
)

// appendPrefix appends the beginning of all keys in a room.
func appendPrefix(b []byte, partition, generation uint32, r room) []byte {
	b = binary.BigEndian.AppendUint32(b, partition)
	b = binary.BigEndian.AppendUint32(b, generation)
	return append(b, byte(r))
}

func roomKey(partition, generation uint32, r room) []byte {
	return appendPrefix(make([]byte, 0, prefixSize), partition, generation, r)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sumSize = 4

func sum(key, value []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli, key), castagnoli, value)
}

// unseal checks a stored value and returns it without its checksum, in the same memory.
func unseal(key, stored []byte) ([]byte, error) {
	n := len(stored) - sumSize
	if n < 0 || binary.BigEndian.Uint32(stored[n:]) != sum(key, stored[:n]) {
		return nil, fmt.Errorf("value of key %x fails its checksum: %w; %s", key, ErrCorrupt, remedy)
	}
	return stored[:n:n], nil
}

// appendRecord appends a checkpoint record.
func appendRecord(b []byte, position int64, meta []byte) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(position)), meta...)
}

// parseRecord reads a checkpoint record; meta shares b's memory, and is nil if empty.
func parseRecord(b []byte) (position int64, meta []byte, err error) {
	if len(b) < 8 {
		return 0, nil, fmt.Errorf("checkpoint record of %d bytes: %w; %s", len(b), ErrCorrupt, remedy)
	}
	if len(b) > 8 {
		meta = b[8:]
	}
	return int64(binary.BigEndian.Uint64(b)), meta, nil
}
