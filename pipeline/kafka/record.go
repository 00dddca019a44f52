package kafka

// Header is a name and a value beside a record's key and value.
type Header struct {
	Key   string
	Value []byte
}

// Record is one record of a partition. A nil Value is a tombstone, a nil Key no key; empty ones differ.
// Fetched keys and values are slices of the response they came in: they stay valid, must not be
// changed, and keep up to a response (1 MB) alive, so what is kept for long is copied.
type Record struct {
	Offset int64 // set by the broker; ignored by Send
	// Time is in ms since 1970: the broker's on LogAppendTime topics, else the writer's. Send takes 0
	// for now; brokers count retention by it, so records of long ago would vanish at once.
	Time     int64
	Appended bool // Time is the broker's, of when it appended the record; ignored by Send
	Key      []byte
	Value    []byte
	Headers  []Header
}

// size is about what the record takes on the wire and in a queue.
func (r *Record) size() int {
	n := len(r.Key) + len(r.Value) + recordOverhead
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value) + 4
	}
	return n
}

// recordOverhead bounds the varints of lengths, times and offsets of one record.
const recordOverhead = 24
