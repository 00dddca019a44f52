package pipeline

import (
	"context"
	"errors"
	"fmt"

	"portrait/pipeline/kafka"
	"portrait/profile/machine"
	"portrait/profile/store"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// Ends are the logs as far as they reach at one moment, by partition. What is stored, or was said, of a record
// behind an end shows that a topic was made anew or that its broker lost the tail.
//
// A node looks before it appends anything: its own ticks would soon hide that the log had been longer. What
// cannot be seen is a loss that others have written over already, and one of which neither state nor facts speak.
type Ends struct {
	Events, Inbox []int64 // the first offset that does not exist yet
	// Spoken is, by inbox partition, the newest record that a fact at the end of the facts speaks of; -1: none.
	Spoken []int64
}

// factsSeen is how many records at the end of a facts partition are asked for the newest that they speak of.
const factsSeen = 64

// NewEnds returns ends of a deployment about which no fact speaks yet.
func NewEnds(dep *schemas.Deployment) *Ends {
	e := &Ends{Events: make([]int64, dep.EventsPartitions), Inbox: make([]int64, dep.InboxPartitions), Spoken: make([]int64, dep.InboxPartitions)}
	for q := range e.Spoken {
		e.Spoken[q] = -1
	}
	return e
}

// Hear takes a facts record. Read the facts before the ends: they follow what they speak of.
func (e *Ends) Hear(dep *schemas.Deployment, value []byte) {
	r, err := wire.DecodeFacts(value)
	if err != nil || r.Deployment != dep.Hash() || r.From < 0 || int(r.From) >= len(e.Spoken) {
		return // the sink says what is wrong with it
	}
	for i := range r.Facts {
		e.Spoken[r.From] = max(e.Spoken[r.From], dep.Offset(r.Facts[i].Version))
	}
}

// CheckSaid refuses if a fact speaks of an inbox record that is gone. The record that takes its place would say
// something else under the same numbers, which all receivers would drop as a repeat.
func (e *Ends) CheckSaid(topics Topics, q int) error {
	if at := e.Spoken[q]; at >= e.Inbox[q] {
		return fmt.Errorf("facts speak of a record that is gone: %w", beyond(topics.Inbox, q, at, e.Inbox[q]))
	}
	return nil
}

// CheckPosition refuses a state that has applied more than the inbox holds.
func (e *Ends) CheckPosition(topics Topics, q int, position int64) error {
	if position > e.Inbox[q] {
		return fmt.Errorf("the state here is ahead of its log: %w", beyond(topics.Inbox, q, position, e.Inbox[q]))
	}
	return nil
}

// CheckMarks refuses a state that has applied an event which the events topic does not have: new events would
// get numbers of old ones, and be dropped as repeats of them.
func (e *Ends) CheckMarks(topics Topics, q int, marks []wire.Position) error {
	for p, mark := range marks {
		if mark.Offset >= e.Events[p] {
			return fmt.Errorf("inbox %d: an event was applied that is gone: %w", q, beyond(topics.Events, p, mark.Offset, e.Events[p]))
		}
	}
	return nil
}

func beyond(topic string, partition int, offset, end int64) error {
	return &kafka.OffsetError{Topic: topic, Partition: partition, Offset: offset, End: end, Err: kafka.ErrOffsetBeyondEnd}
}

// checkEnds compares the node's state, and what the facts say, with the logs.
func (n *Node) checkEnds(ctx context.Context) error {
	ends := NewEnds(n.dep)
	for f := range n.dep.FactsPartitions {
		records, err := kafka.ReadLast(ctx, n.client, n.topics.Facts, f, factsSeen)
		if err != nil {
			return err
		}
		for _, r := range records {
			ends.Hear(n.dep, r.Value)
		}
	}
	for topic, list := range map[string][]int64{n.topics.Events: ends.Events, n.topics.Inbox: ends.Inbox} {
		for p := range list {
			var err error
			if _, list[p], err = n.client.Offsets(ctx, topic, p); err != nil {
				return err
			}
		}
	}
	for q := range n.dep.InboxPartitions {
		if err := n.checkState(ends, q); err != nil {
			return err
		}
		if err := ends.CheckSaid(n.topics, q); err != nil {
			return err
		}
	}
	return nil
}

// checkState compares what is stored here of one partition.
func (n *Node) checkState(ends *Ends, q int) error {
	if n.store == nil {
		return nil
	}
	position, meta, err := n.store.Position(q)
	if errors.Is(err, store.ErrCorrupt) {
		return nil // it is not trusted, and made anew when the partition is ours
	}
	if err != nil {
		return err
	}
	if err := ends.CheckPosition(n.topics, q, position); err != nil {
		return err
	}
	if marks, err := machine.MarksOf(n.dep, meta); err == nil {
		return ends.CheckMarks(n.topics, q, marks)
	}
	return nil // of another version: it is refused when the partition is opened
}
