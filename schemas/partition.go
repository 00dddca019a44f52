package schemas

// PartitionOf returns the partition of a key among n, as Java clients compute it (murmur2, seed
// 0x9747b28c, sign bit cleared), so that any producer agrees with us.
func PartitionOf(key string, n int) int { return int(murmur2(key)&0x7fffffff) % n }

func murmur2(data string) uint32 {
	const m, r = 0x5bd1e995, 24
	h := uint32(0x9747b28c) ^ uint32(len(data))
	i := 0
	for ; len(data)-i >= 4; i += 4 {
		k := uint32(data[i]) | uint32(data[i+1])<<8 | uint32(data[i+2])<<16 | uint32(data[i+3])<<24
		k *= m
		k ^= k >> r
		h = h*m ^ k*m
	}
	switch len(data) - i {
	case 3:
		h ^= uint32(data[i+2]) << 16
		fallthrough
	case 2:
		h ^= uint32(data[i+1]) << 8
		fallthrough
	case 1:
		h ^= uint32(data[i])
		h *= m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
