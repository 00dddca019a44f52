package pipeline

import (
	"time"

	"portrait/pipeline/kafka"
	"portrait/schemas"
)

// Topics names the topics of one deployment.
type Topics struct {
	Events, Inbox, Tags, Profiles, Facts, Catalog, Rejected string
}

// TopicNames returns the names under a prefix, "portrait" by default.
func TopicNames(prefix string) Topics {
	return Topics{
		Events: prefix + ".events", Inbox: prefix + ".inbox", Tags: prefix + ".tags", Profiles: prefix + ".profiles",
		Facts: prefix + ".facts", Catalog: prefix + ".catalog", Rejected: prefix + ".rejected",
	}
}

// The consumer groups of a deployment. Their offsets are hints: machines begin where their state is.
func routerGroup(prefix string) string  { return prefix + ".router" }
func machineGroup(prefix string) string { return prefix + ".machine" }

const (
	maxMessage         = 4 << 20 // above the largest record we write: a profile in one Absorb, with its tail
	maxRejectedMessage = 6 << 20 // an input of 4 MiB and its headers still fit
	week               = 7 * 24 * time.Hour
)

// Specs returns what the topics must be. The public outputs have as many partitions as the inbox, so
// that consumers scale as the machines do.
func (t Topics) Specs(dep *schemas.Deployment, replication int) []kafka.TopicSpec {
	topic := func(name string, partitions int, cleanup kafka.Cleanup, retention time.Duration, bytes int) kafka.TopicSpec {
		return kafka.TopicSpec{Name: name, Partitions: partitions, Cleanup: cleanup, Retention: retention,
			MaxMessageBytes: bytes, Replication: replication}
	}
	n := dep.InboxPartitions
	events := topic(t.Events, dep.EventsPartitions, kafka.CleanupDelete, week, maxMessage)
	// A tick promises that nothing older will come. With producers' own times, what one of them held back
	// for seconds would break the promise, and an absence could be told too early.
	events.AppendTime = true
	return []kafka.TopicSpec{
		events,
		topic(t.Inbox, n, kafka.CleanupDelete, week, maxMessage),
		topic(t.Tags, n, kafka.CleanupDelete, week, maxMessage),
		topic(t.Profiles, n, kafka.CleanupCompact, 0, maxMessage),
		topic(t.Facts, dep.FactsPartitions, kafka.CleanupDelete, week, maxMessage),
		topic(t.Catalog, 1, kafka.CleanupCompact, 0, maxMessage),
		topic(t.Rejected, dep.EventsPartitions, kafka.CleanupDelete, week, maxRejectedMessage),
	}
}
