package wire

// Source is the kind of writer of an inbox record.
type Source byte

// The sources of inbox records.
const (
	FromRouter      Source = 1 // items: Event, Rejected, Hole, Ticks
	FromMachine     Source = 2 // items: Message
	FromCoordinator Source = 3 // items: Control
)

// InboxRecord is one record of portrait.inbox. Exactly one of the three lists is used.
type InboxRecord struct {
	Deployment uint64 // hash of the deployment record
	Source     Source
	From       int32 // events partition or sending inbox partition; 0 for the coordinator
	Catalog    int64 // machines: version of the catalogue active at the sender; 0: none yet

	Routed   []Routed
	Ticks    []Tick // routers, behind Routed: of any events partition of that process
	Seq      uint64 // machines: number of the first message in its channel; the rest follow densely
	Messages []Message
	Controls []Control
}

// Routed is an item of a router: an event, word of a record it rejected, or of offsets without any. Exactly
// one of the three is there.
type Routed struct {
	Stamp    int64 // ms: the smallest Kafka timestamp from here to the end of the fetch
	Event    *Event
	Rejected *Rejected
	Hole     *Hole
}

// At returns the item's number.
func (r *Routed) At() Position {
	switch {
	case r.Event != nil:
		return r.Event.At
	case r.Rejected != nil:
		return r.Rejected.At
	}
	return r.Hole.At
}

// Rejected tells of a dead letter, without its bytes, so that the accounting is complete.
type Rejected struct {
	At     Position
	Kafka  int64 // ms
	Reason string
	Detail string // names the place, never the content
}

// Hole tells of offsets of portrait.events that hold no event and never will: markers of transactions and
// records of aborted ones. They are Offsets in a row, of which At is the last.
type Hole struct {
	At      Position
	Offsets int64 // 1 or more
}

// First is the first of its offsets.
func (h *Hole) First() int64 { return h.At.Offset - h.Offsets + 1 }

// Tick says: every event of that partition whose timestamp is below Stamp has been handed on.
type Tick struct {
	Partition int32
	Stamp     int64
}

// MessageKind is a message of the identity protocol or of the clock (DESIGN.md sections 3 and 4).
type MessageKind byte

// The messages between machines.
const (
	MsgForward   MessageKind = iota + 1 // an event on its way to its root, or to its next anchor
	MsgCompress                         // the root tells an anchor more than one hop away where it is
	MsgLink                             // To and From belong together, because of Via
	MsgPropose                          // From wants to become a child of To; Counts are its own
	MsgAccept                           // From accepts To as its child
	MsgRefuse                           // To's proposal through Via does not fit
	MsgLater                            // To's proposal found a full queue: forget the link, try again
	MsgForget                           // To should forget the link through Via: the asker's queue is full
	MsgAbsorb                           // State of From moves into To
	MsgWatermark                        // Stamp of the sender: it will say nothing older
	MsgContinue                         // to itself: timers or the sweep have more to do
)

// Node names a node by identifier and birth, so that one erased and born again is another. Its rank
// orders by (Born, ID): the older wins.
type Node struct {
	ID   string
	Born int64 // ms of the stamp at which its partition first saw it, times 2^20, made unique in the deployment
}

// Less reports whether n's rank is below m's: n is the older.
func (n Node) Less(m Node) bool { return n.Born < m.Born || n.Born == m.Born && n.ID < m.ID }

// TypeCount is how many identifiers of a base type a profile holds.
type TypeCount struct {
	Type  string
	Count int
}

// Message is an item from machine to machine. Which fields are used depends on Kind.
type Message struct {
	Kind   MessageKind
	To     string // identifier of the addressed node; empty for Watermark and Continue
	ToBorn int64  // birth of the addressed node, 0 for whichever is there
	From   Node   // Link: the root to attach to or from; Propose: u; Accept: v; Absorb: u; Compress: root
	Via    string // identifier whose edge caused it
	Other  string // the edge's other end: the anchor of the event
	Weak   bool   // the edge goes through a weak identifier
	Cause  string // event id behind it, for provenance
	Counts []TypeCount
	Event  *Event
	Anchor int32  // Forward: index of the identifier the event is anchored on
	Hops   int32  // Forward: how many were taken
	Stamp  int64  // Watermark: its promise; all others: largest stamp at the sender
	State  []byte // Absorb: the profile, encoded by the machine
}

// ControlKind is what the coordinator says.
type ControlKind byte

// The control items.
const (
	CtlDeployment ControlKind = iota + 1 // Body: the deployment record; the first record of each inbox
	CtlCatalog                           // Part Number of Parts of catalogue Version; Body: its YAML
	CtlActivate                          // catalogue Version is active from here
	CtlBarrier                           // logic Version goes on from here; binaries of another stop
	CtlClock                             // event clock: event time has reached Stamp
	CtlEnd                               // event clock: event time has reached Stamp, and history ends
	CtlSkip                              // Body: a Skip, for a partition that stopped before this record
)

// Control is an item of the coordinator.
type Control struct {
	Kind    ControlKind
	Version int64
	Part    int32
	Parts   int32
	Stamp   int64
	Body    []byte
}
