package pipeline

import (
	"context"
	"fmt"
	"strconv"

	"portrait/pipeline/kafka"
	"portrait/schemas"
)

// Admin is a connection to a deployment's brokers for people's questions and changes. It works beside
// running nodes and without them.
type Admin struct {
	client *kafka.Client
	prefix string
	topics Topics
	state  *catalogState
	dep    *schemas.Deployment
}

// OpenAdmin connects and reads the deployment record. It founds nothing: without a deployment under the
// prefix it is an error. A broker that is away is waited for until ctx ends. Close it.
func OpenAdmin(ctx context.Context, config kafka.Config, prefix string) (a *Admin, err error) {
	client, err := kafka.NewClient(config)
	if err != nil {
		return nil, err
	}
	a = &Admin{client: client, prefix: prefix, topics: TopicNames(prefix)}
	if err := a.open(ctx); err != nil {
		client.Close()
		return nil, fmt.Errorf("no deployment found under the prefix %q at %v: %w", prefix, config.Brokers, err)
	}
	return a, nil
}

func (a *Admin) open(ctx context.Context) error {
	// Asking for the offsets of a topic that does not exist would wait for it.
	exists, err := kafka.TopicExists(ctx, a.client, a.topics.Catalog)
	if err != nil {
		return err
	}
	if !exists {
		return errNoDeployment
	}
	if a.state, err = (&coordinator{client: a.client, topics: a.topics}).read(ctx); err != nil {
		return err
	}
	a.dep, err = a.state.recorded()
	return err
}

// Close lets go of the connections.
func (a *Admin) Close() { a.client.Close() }

// Deployment is the record that the deployment was founded with.
func (a *Admin) Deployment() *schemas.Deployment { return a.dep }

// Topics are the names of the deployment's topics.
func (a *Admin) Topics() Topics { return a.topics }

// Client is the connection.
func (a *Admin) Client() *kafka.Client { return a.client }

// PublishedCatalog is the latest catalogue of a deployment.
type PublishedCatalog struct {
	Version   int64  // its offset in the catalogue topic; 0: none was ever published
	Activated int64  // the version that was brought to all machines; below Version: a publisher died on the way
	Text      []byte // YAML
}

// Catalog returns the latest catalogue as it was when the connection was opened.
func (a *Admin) Catalog() PublishedCatalog {
	return PublishedCatalog{Version: a.state.version, Activated: a.state.activated, Text: a.state.text}
}

// PublishCatalog makes text the deployment's catalogue and returns its version: checked first, then
// written, brought to every inbox and activated. Of what is active already nothing is written, and
// an activation that another publisher left unfinished is finished. The error of a catalogue that
// is not valid is schemas.CatalogErrors, and nothing has happened.
func (a *Admin) PublishCatalog(ctx context.Context, text []byte) (version int64, err error) {
	producer, err := kafka.NewProducer(ctx, a.client, kafka.DefaultProducerConfig())
	if err != nil {
		return 0, err
	}
	defer producer.Close()
	return (&coordinator{client: a.client, producer: producer, topics: a.topics}).publish(ctx, a.dep, text)
}

// TopicStatus says how full a topic is and how far its reader is.
type TopicStatus struct {
	Name            string            `json:"name"`
	Cleanup         string            `json:"cleanup"`
	RetentionMS     int64             `json:"retention_ms"` // -1: for ever
	MaxMessageBytes int64             `json:"max_message_bytes"`
	Group           string            `json:"group,omitempty"` // that reads it; empty: its readers keep their position themselves
	Partitions      []PartitionStatus `json:"partitions"`
}

// PartitionStatus holds offsets: the first that exists, the first that does not exist yet, and where
// the group stands (-1: nowhere yet).
type PartitionStatus struct {
	Start     int64 `json:"start"`
	End       int64 `json:"end"`
	Committed int64 `json:"committed"`
}

// Lag is how many offsets the group has before it; 0 without a group. A group's commits follow its
// work within about two seconds.
func (s *TopicStatus) Lag() (lag int64) {
	for _, p := range s.Partitions {
		if s.Group != "" {
			lag += p.End - max(p.Committed, p.Start)
		}
	}
	return lag
}

// DescribeTopics asks the brokers about all topics of the deployment.
func (a *Admin) DescribeTopics(ctx context.Context) ([]TopicStatus, error) {
	groups := map[string]string{a.topics.Events: routerGroup(a.prefix), a.topics.Inbox: machineGroup(a.prefix)}
	var out []TopicStatus
	for _, spec := range a.topics.Specs(a.dep, 0) {
		partitions, config, err := kafka.DescribeTopic(ctx, a.client, spec.Name, "cleanup.policy", "retention.ms", "max.message.bytes")
		if err != nil {
			return nil, err
		}
		s := TopicStatus{Name: spec.Name, Cleanup: config["cleanup.policy"], RetentionMS: -1, Group: groups[spec.Name]}
		if s.Cleanup != string(kafka.CleanupCompact) {
			s.RetentionMS = number(config["retention.ms"])
		}
		s.MaxMessageBytes = number(config["max.message.bytes"])
		var group *kafka.Group
		if s.Group != "" {
			if group, err = kafka.NewGroup(a.client, kafka.GroupConfig{ID: s.Group, Topic: spec.Name}); err != nil {
				return nil, err
			}
		}
		for p := range partitions {
			status := PartitionStatus{Committed: -1}
			if status.Start, status.End, err = a.client.Offsets(ctx, spec.Name, p); err != nil {
				return nil, err
			}
			if group != nil {
				if status.Committed, err = group.Committed(ctx, p); err != nil {
					return nil, err
				}
			}
			s.Partitions = append(s.Partitions, status)
		}
		out = append(out, s)
	}
	return out, nil
}

// number reads a broker's setting; what is no number is shown as -1.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
