package wire

import (
	"fmt"
	"strings"
)

// SkipKind is what an operator lets a stopped partition pass over.
type SkipKind byte

// The kinds of skips.
const (
	// SkipRecord drops the whole inbox record: its events become dead letters, its messages are lost, no
	// time passes in it.
	SkipRecord SkipKind = iota + 1
	// SkipItem drops one item of the record: an event becomes a dead letter, a message is lost.
	SkipItem
	// SkipTimers passes over one profile where time passes in that record: its timer is dropped and the
	// sweep leaves it out. The next event of the profile registers a timer again.
	SkipTimers
	// SkipGap goes on in a machine's channel at Seq, although the messages before it are lost.
	SkipGap
)

// String is the kind's name in messages.
func (k SkipKind) String() string {
	names := [...]string{"nothing", "record", "item", "timers", "gap"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Skip is an operator's decision that a partition which stopped at one place of its inbox goes on
// without what it stopped at. It is the body of a CtlSkip behind that place. A skip counts for a partition
// that stopped at exactly the place it names, and is nothing to any other.
type Skip struct {
	Kind    SkipKind
	Offset  int64  // of the inbox record that the partition stopped at
	Item    int32  // SkipItem: index from 0
	Profile string // SkipTimers: identifier of the root, as stored
	From    int32  // SkipGap: the sending inbox partition
	Seq     uint64 // SkipGap: the first number that is there
}

// Flags returns the arguments that make `portrait skip` write this skip, for a shell.
func (s *Skip) Flags() string {
	at := fmt.Sprintf("--offset %d", s.Offset)
	switch s.Kind {
	case SkipItem:
		return fmt.Sprintf("%s --item %d", at, s.Item)
	case SkipTimers:
		return fmt.Sprintf("%s --timers %s", at, quoteShell(s.Profile))
	case SkipGap:
		return fmt.Sprintf("%s --gap-from %d --gap-to %d", at, s.From, s.Seq)
	}
	return at
}

// quoteShell quotes what a shell would take apart.
func quoteShell(s string) string {
	plain := func(c rune) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.ContainsRune("_-.:@+/", c)
	}
	if s != "" && !strings.ContainsFunc(s, func(c rune) bool { return !plain(c) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Encode appends the skip.
func (s *Skip) Encode(e *Encoder) {
	e.Byte(Version)
	e.Byte(byte(s.Kind))
	e.Int(s.Offset)
	e.Uint(uint64(s.Item))
	e.String(s.Profile)
	e.Uint(uint64(s.From))
	e.Uint(s.Seq)
}

// DecodeSkip reads the body of a CtlSkip. What the kind does not use must be zero, so that a skip has one
// form and can be compared.
func DecodeSkip(b []byte) (Skip, error) {
	d := NewDecoder(b)
	if v := d.Byte(); v != Version {
		d.fail("version")
		return Skip{}, d.err
	}
	s := Skip{Kind: SkipKind(d.Byte()), Offset: d.Int(), Item: int32(d.Uint()), Profile: d.String(), From: int32(d.Uint()), Seq: d.Uint()}
	if err := d.Close(); err != nil {
		return Skip{}, err
	}
	if err := s.Validate(); err != nil {
		return Skip{}, fmt.Errorf("%w: %w", err, ErrMalformed)
	}
	return s, nil
}

// Validate reports a skip that names no place, or more than its kind does.
func (s *Skip) Validate() error {
	want := Skip{Kind: s.Kind, Offset: s.Offset}
	switch s.Kind {
	case SkipRecord:
	case SkipItem:
		want.Item = s.Item
	case SkipTimers:
		want.Profile = s.Profile
	case SkipGap:
		want.From, want.Seq = s.From, s.Seq
	default:
		return fmt.Errorf("skip: unknown kind %d", s.Kind)
	}
	switch {
	case s.Offset < 0 || s.Item < 0 || s.From < 0:
		return fmt.Errorf("skip: a place below zero")
	case *s != want:
		return fmt.Errorf("skip: a %s has nothing else beside its place", s.Kind)
	case s.Kind == SkipTimers && s.Profile == "":
		return fmt.Errorf("skip: timers of no profile")
	case s.Kind == SkipGap && s.Seq == 0:
		return fmt.Errorf("skip: a gap ends at number 1 or later")
	}
	return nil
}
