package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// The errors that say a position does not belong to the log any more. Both are wrapped in an
// *OffsetError, whose text names the remedy.
var (
	ErrOffsetBelowStart = errors.New("offset below the start of the log")
	ErrOffsetBeyondEnd  = errors.New("offset beyond the end of the log")
)

// ErrCorrupt says that a response or a record batch does not decode or fails its checksum.
var ErrCorrupt = errors.New("corrupt record batch")

// OffsetError is a position that the log does not have.
type OffsetError struct {
	Topic     string
	Partition int
	Offset    int64 // asked for
	Start     int64 // first offset that exists
	End       int64 // first offset that does not exist yet
	Err       error // ErrOffsetBelowStart or ErrOffsetBeyondEnd
}

// Error names the place and the remedy.
func (e *OffsetError) Error() string {
	remedy := "the topic was recreated or its broker lost the tail: restore it, or start anew: another prefix, an empty data directory, another ClickHouse database"
	if errors.Is(e.Err, ErrOffsetBelowStart) {
		remedy = "retention removed the records: restore a newer snapshot, or start anew: another prefix, an empty data directory, another ClickHouse database; raise retention.ms"
	}
	return fmt.Sprintf("%s/%d: %v: asked for %d, the log holds %d to %d; %s",
		e.Topic, e.Partition, e.Err, e.Offset, e.Start, e.End, remedy)
}

// Unwrap returns ErrOffsetBelowStart or ErrOffsetBeyondEnd.
func (e *OffsetError) Unwrap() error { return e.Err }

// isAuthorization reports errors that only an operator can heal.
func isAuthorization(err error) bool {
	for _, e := range []kafkago.Error{
		kafkago.TopicAuthorizationFailed, kafkago.GroupAuthorizationFailed, kafkago.ClusterAuthorizationFailed,
		kafkago.SASLAuthenticationFailed, kafkago.UnsupportedSASLMechanism, kafkago.IllegalSASLState,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// isUnknownTopic reports that the cluster's metadata do not have the topic or the partition. It is
// transient for a second after a topic was created, and lasting when somebody deleted it.
func isUnknownTopic(err error) bool {
	return errors.Is(err, kafkago.UnknownTopicOrPartition) ||
		errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition)
}

// isRefused reports errors of a produce request that a repeat of the same bytes cannot heal.
func isRefused(err error) bool {
	for _, e := range []kafkago.Error{
		kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge, kafkago.InvalidTopic, kafkago.InvalidRecord,
		kafkago.InvalidTimestamp, kafkago.UnsupportedForMessageFormat, kafkago.UnsupportedCompressionType,
		kafkago.PolicyViolation, kafkago.InvalidRequiredAcks, kafkago.InvalidMessage,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return isAuthorization(err)
}

// describe shortens the errors of a connection that went away, which all mean the same to an operator.
func describe(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the broker closed the connection: %w", err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the broker did not answer in time: %w", err)
	case errors.Is(err, kafkago.BrokerNotAvailable): // the client's own, while it knows no broker that answers
		return &unreachable{err}
	}
	return err
}

// unreachable says it in our words: the client's text for this error calls it one that no client meets.
type unreachable struct{ err error }

func (e *unreachable) Error() string { return "no broker can be reached at the addresses given" }

func (e *unreachable) Unwrap() error { return e.err }
