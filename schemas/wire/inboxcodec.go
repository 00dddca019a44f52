package wire

// Encode appends the record to e.
func (r *InboxRecord) Encode(e *Encoder) {
	e.Byte(Version)
	e.Uint(r.Deployment)
	e.Byte(byte(r.Source))
	e.Uint(uint64(r.From))
	e.Uint(uint64(r.Catalog))
	e.Uint(uint64(len(r.Routed)))
	for i := range r.Routed {
		r.Routed[i].encode(e)
	}
	e.Uint(uint64(len(r.Ticks)))
	for _, t := range r.Ticks {
		e.Uint(uint64(t.Partition))
		e.Int(t.Stamp)
	}
	e.Uint(r.Seq)
	e.Uint(uint64(len(r.Messages)))
	for i := range r.Messages {
		r.Messages[i].Encode(e)
	}
	e.Uint(uint64(len(r.Controls)))
	for i := range r.Controls {
		r.Controls[i].encode(e)
	}
}

// DecodeInbox reads a record, whose texts share the memory of b. An error says where; nothing of the record
// may then be used.
func DecodeInbox(b []byte) (*InboxRecord, error) { return new(Memory).DecodeInbox(b) }

// DecodeInbox is DecodeInbox with lists in m.
func (m *Memory) DecodeInbox(b []byte) (*InboxRecord, error) {
	d := NewDecoder(b)
	d.memory = m
	if v := d.Byte(); v != Version {
		d.fail("version")
		return nil, d.err
	}
	r := &InboxRecord{Deployment: d.Uint(), Source: Source(d.Byte()), From: int32(d.Uint()), Catalog: int64(d.Uint())}
	if r.Source < FromRouter || r.Source > FromCoordinator {
		d.fail("source")
	}
	if n := d.Count(); n > 0 {
		r.Routed = m.routed.take(min(n, presize), 0)
		for i := 0; i < n && d.err == nil; i++ {
			r.Routed = append(r.Routed, Routed{})
			r.Routed[i].decode(d)
		}
	}
	if n := d.Count(); n > 0 {
		r.Ticks = make([]Tick, 0, min(n, presize))
		for i := 0; i < n && d.err == nil; i++ {
			r.Ticks = append(r.Ticks, Tick{})
			r.Ticks[i] = Tick{int32(d.Uint()), d.Int()}
		}
	}
	r.Seq = d.Uint()
	if n := d.Count(); n > 0 {
		r.Messages = make([]Message, 0, min(n, presize))
		for i := 0; i < n && d.err == nil; i++ {
			r.Messages = append(r.Messages, Message{})
			r.Messages[i].Decode(d)
		}
	}
	if n := d.Count(); n > 0 {
		r.Controls = make([]Control, 0, min(n, presize))
		for i := 0; i < n && d.err == nil; i++ {
			r.Controls = append(r.Controls, Control{})
			r.Controls[i].decode(d)
		}
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	return r, nil
}

// The kinds of items of a router.
const (
	routedRejected = iota
	routedEvent
	routedHole
)

func (r *Routed) encode(e *Encoder) {
	e.Int(r.Stamp)
	switch {
	case r.Event != nil:
		e.Byte(routedEvent)
		r.Event.Encode(e)
	case r.Rejected != nil:
		e.Byte(routedRejected)
		r.Rejected.Encode(e)
	default:
		e.Byte(routedHole)
		r.Hole.Encode(e)
	}
}

func (r *Routed) decode(d *Decoder) {
	r.Stamp = d.Int()
	switch d.Byte() {
	case routedEvent:
	case routedRejected:
		r.Rejected = new(Rejected)
		r.Rejected.Decode(d)
		return
	case routedHole:
		r.Hole = new(Hole)
		r.Hole.Decode(d)
		return
	default:
		d.fail("kind of item")
		return
	}
	r.Event = d.event()
}

// event reads an event.
func (d *Decoder) event() *Event {
	ev := &d.lists().events.take(1, min(d.Rest()/128, presize))[:1][0]
	ev.Decode(d)
	return ev
}

// Encode appends the dead letter's description.
func (r *Rejected) Encode(e *Encoder) {
	e.Uint(uint64(r.At.Partition))
	e.Uint(uint64(r.At.Offset))
	e.Uint(uint64(r.At.Index))
	e.Int(r.Kafka)
	e.String(r.Reason)
	e.String(r.Detail)
}

// Decode reads the dead letter's description.
func (r *Rejected) Decode(d *Decoder) {
	r.At = Position{int32(d.Uint()), int64(d.Uint()), int32(d.Uint())}
	r.Kafka, r.Reason, r.Detail = d.Int(), d.String(), d.String()
}

// Encode appends the hole.
func (h *Hole) Encode(e *Encoder) {
	e.Uint(uint64(h.At.Partition))
	e.Uint(uint64(h.At.Offset))
	e.Uint(uint64(h.Offsets))
}

// Decode reads a hole. One that is empty or begins before offset 0 does not decode.
func (h *Hole) Decode(d *Decoder) {
	h.At = Position{Partition: int32(d.Uint()), Offset: int64(d.Uint())}
	if h.Offsets = int64(d.Uint()); h.Offsets < 1 || h.At.Offset < 0 || h.First() < 0 {
		d.fail("offsets without an event")
	}
}

// Encode appends the message.
func (m *Message) Encode(e *Encoder) {
	e.Byte(byte(m.Kind))
	e.String(m.To)
	e.Int(m.ToBorn)
	e.String(m.From.ID)
	e.Int(m.From.Born)
	e.String(m.Via)
	e.String(m.Other)
	e.Bool(m.Weak)
	e.String(m.Cause)
	e.Uint(uint64(len(m.Counts)))
	for _, c := range m.Counts {
		e.String(c.Type)
		e.Uint(uint64(c.Count))
	}
	e.Bool(m.Event != nil)
	if m.Event != nil {
		m.Event.Encode(e)
	}
	e.Uint(uint64(m.Anchor))
	e.Uint(uint64(m.Hops))
	e.Int(m.Stamp)
	e.Bytes(m.State)
}

// Decode reads a message.
func (m *Message) Decode(d *Decoder) {
	m.Kind = MessageKind(d.Byte())
	if m.Kind < MsgForward || m.Kind > MsgContinue {
		d.fail("message kind")
	}
	m.To, m.ToBorn = d.String(), d.Int()
	m.From = Node{d.String(), d.Int()}
	m.Via, m.Other, m.Weak, m.Cause = d.String(), d.String(), d.Bool(), d.String()
	if n := d.Count(); n > 0 {
		m.Counts = make([]TypeCount, 0, min(n, presize))
		for i := 0; i < n && d.err == nil; i++ {
			m.Counts = append(m.Counts, TypeCount{})
			m.Counts[i] = TypeCount{d.String(), int(d.Uint())}
		}
	}
	if d.Bool() {
		m.Event = d.event()
	}
	m.Anchor, m.Hops, m.Stamp = int32(d.Uint()), int32(d.Uint()), d.Int()
	m.State = d.Bytes()
}

func (c *Control) encode(e *Encoder) {
	e.Byte(byte(c.Kind))
	e.Int(c.Version)
	e.Uint(uint64(c.Part))
	e.Uint(uint64(c.Parts))
	e.Int(c.Stamp)
	e.Bytes(c.Body)
}

func (c *Control) decode(d *Decoder) {
	c.Kind = ControlKind(d.Byte())
	if c.Kind < CtlDeployment || c.Kind > CtlSkip {
		d.fail("control kind")
	}
	c.Version, c.Part, c.Parts, c.Stamp = d.Int(), int32(d.Uint()), int32(d.Uint()), d.Int()
	c.Body = d.Bytes()
}
