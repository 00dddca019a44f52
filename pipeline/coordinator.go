package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"portrait/pipeline/kafka"
	"portrait/profile/tag"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// Keys of portrait.catalog. A catalogue is under its name; its version is its offset.
const (
	deploymentKey = "deployment"
	activatedKey  = "activated"
	catalogPrefix = "catalog/"
	foundedKey    = "logic/founded" // version of the logic that founded the deployment
	barrierKey    = "logic/barrier" // newest version whose barriers stand in every inbox
)

// coordinator decides what everybody must agree on: it writes the deployment record once, and brings
// catalogues to the machines in two rounds. Everything it writes to an inbox is idempotent by content,
// so it repeats whatever it does not know to be done.
type coordinator struct {
	client   *kafka.Client
	producer *kafka.Producer
	topics   Topics
}

// catalogState is what portrait.catalog says.
type catalogState struct {
	deployment []byte
	version    int64 // of the latest catalogue; 0: none
	text       []byte
	activated  int64 // the version that was brought to all machines
	founded    int64 // logic version under which the inboxes begin; 0: not recorded, which is 1
	barrier    int64 // newest logic version whose barriers are in all inboxes; 0: none
}

// logic is the version of the logic that the deployment is at, or on its way to.
func (s *catalogState) logic() int { return int(max(1, s.founded, s.barrier)) }

func (c *coordinator) read(ctx context.Context) (*catalogState, error) {
	records, err := kafka.ReadAll(ctx, c.client, c.topics.Catalog, 0)
	if err != nil {
		return nil, fmt.Errorf("catalogue topic: %w", err)
	}
	s := new(catalogState)
	for i := range records {
		r := &records[i]
		switch key := string(r.Key); {
		case key == deploymentKey && s.deployment == nil: // of two founders the first one counts
			s.deployment = r.Value
		case key == activatedKey:
			if s.activated, err = strconv.ParseInt(string(r.Value), 10, 64); err != nil {
				return nil, fmt.Errorf("catalogue topic, offset %d: activated version: %w", r.Offset, err)
			}
		case key == foundedKey && s.founded == 0, key == barrierKey:
			version, err := strconv.ParseInt(string(r.Value), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("catalogue topic, offset %d: logic version: %w", r.Offset, err)
			}
			if key == foundedKey {
				s.founded = version
			} else {
				s.barrier = max(s.barrier, version)
			}
		case len(key) > len(catalogPrefix) && key[:len(catalogPrefix)] == catalogPrefix:
			s.version, s.text = r.Offset, r.Value
		}
	}
	return s, nil
}

// produce writes one record and waits for its acknowledgement.
func (c *coordinator) produce(ctx context.Context, topic string, partition int, r kafka.Record) error {
	done := make(chan struct{})
	if err := c.producer.Send(ctx, topic, partition, r, func() { close(done) }); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case err := <-c.producer.Fatal():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errNoDeployment says that the topic holds no deployment record yet.
var errNoDeployment = errors.New("no deployment record")

// deployment returns the recorded deployment.
func (s *catalogState) recorded() (*schemas.Deployment, error) {
	if s.deployment == nil {
		return nil, errNoDeployment
	}
	return schemas.ParseDeployment(s.deployment)
}

// found writes the deployment record: into the catalogue, and as the first record of each inbox.
func (c *coordinator) found(ctx context.Context, dep *schemas.Deployment) error {
	text, err := json.Marshal(dep)
	if err != nil {
		return err
	}
	logic := kafka.Record{Key: []byte(foundedKey), Value: strconv.AppendInt(nil, schemas.LogicVersion, 10)}
	if err := c.produce(ctx, c.topics.Catalog, 0, logic); err != nil {
		return fmt.Errorf("logic version: %w", err)
	}
	if err := c.produce(ctx, c.topics.Catalog, 0, kafka.Record{Key: []byte(deploymentKey), Value: text}); err != nil {
		return fmt.Errorf("deployment record: %w", err)
	}
	return nil
}

// settle founds a deployment and returns what counts: ours, unless another node was first. Then the
// other's record is written once more, so that compaction keeps it.
func (c *coordinator) settle(ctx context.Context, proposal *schemas.Deployment) (*schemas.Deployment, error) {
	if err := c.found(ctx, proposal); err != nil {
		return nil, err
	}
	s, err := c.read(ctx)
	if err != nil {
		return nil, err
	}
	dep, err := s.recorded()
	if err == nil && dep.ID != proposal.ID {
		err = c.found(ctx, dep)
	}
	return dep, err
}

// greet makes the deployment record the first record of each inbox that has none.
func (c *coordinator) greet(ctx context.Context, dep *schemas.Deployment, founded int64) error {
	text, err := json.Marshal(dep)
	if err != nil {
		return err
	}
	for q := range dep.InboxPartitions {
		_, end, err := c.client.Offsets(ctx, c.topics.Inbox, q)
		if err != nil {
			return fmt.Errorf("inbox %d: %w", q, err)
		}
		if end > 0 {
			continue
		}
		if err := c.control(ctx, dep, q, wire.Control{Kind: wire.CtlDeployment, Version: founded, Body: text}); err != nil {
			return err
		}
	}
	return nil
}

// publish makes text the latest catalogue, unless it is already, and brings it to all machines: its
// parts to every inbox, and when all are acknowledged, its activation. It returns the version.
func (c *coordinator) publish(ctx context.Context, dep *schemas.Deployment, text []byte) (int64, error) {
	name, err := checkCatalog(text, dep)
	if err != nil {
		return 0, err
	}
	s, err := c.read(ctx)
	if err != nil {
		return 0, err
	}
	if string(s.text) != string(text) {
		key := []byte(catalogPrefix + name)
		if err := c.produce(ctx, c.topics.Catalog, 0, kafka.Record{Key: key, Value: text}); err != nil {
			return 0, fmt.Errorf("catalogue: %w", err)
		}
		if s, err = c.read(ctx); err != nil {
			return 0, err
		}
	}
	if s.activated >= s.version {
		return s.version, nil
	}
	return s.version, c.activate(ctx, dep, s.version, s.text)
}

// checkCatalog returns a catalogue's name, or schemas.CatalogErrors if machines of the deployment could not use it.
func checkCatalog(text []byte, dep *schemas.Deployment) (name string, err error) {
	parsed, err := schemas.ParseCatalog(text)
	if err != nil {
		return "", err
	}
	_, err = tag.Compile(parsed, 1, dep)
	return parsed.Name, err
}

func (c *coordinator) activate(ctx context.Context, dep *schemas.Deployment, version int64, text []byte) error {
	for _, out := range Activation(dep, c.topics, version, text) {
		if err := c.produce(ctx, out.Topic, out.Partition, out.Record); err != nil {
			return fmt.Errorf("catalogue %d: inbox %d: %w", version, out.Partition, err)
		}
	}
	done := kafka.Record{Key: []byte(activatedKey), Value: strconv.AppendInt(nil, version, 10)}
	return c.produce(ctx, c.topics.Catalog, 0, done)
}

// Activation is what brings a catalogue to all machines, in order: its parts to every inbox, then its
// activation. Each output must be acknowledged before the next is sent, so that no machine is told to
// activate what another may not have; a coordinator that died is followed by one that begins anew.
func Activation(dep *schemas.Deployment, topics Topics, version int64, text []byte) []Output {
	var out []Output
	parts := (len(text) + schemas.BytesPerRecord - 1) / schemas.BytesPerRecord
	for q := range dep.InboxPartitions {
		for k := range parts {
			body := text[k*schemas.BytesPerRecord : min(len(text), (k+1)*schemas.BytesPerRecord)]
			out = append(out, controlOutput(dep, topics, q, wire.Control{Kind: wire.CtlCatalog, Version: version,
				Part: int32(k), Parts: int32(parts), Body: body}))
		}
	}
	for q := range dep.InboxPartitions {
		out = append(out, controlOutput(dep, topics, q, wire.Control{Kind: wire.CtlActivate, Version: version}))
	}
	return out
}

// controlOutput is one item of the coordinator for one inbox.
func controlOutput(dep *schemas.Deployment, topics Topics, inbox int, item wire.Control) Output {
	r := wire.InboxRecord{Deployment: dep.Hash(), Source: wire.FromCoordinator, Controls: []wire.Control{item}}
	var e wire.Encoder
	r.Encode(&e)
	return Output{Topic: topics.Inbox, Partition: inbox, Record: kafka.Record{Value: e.B}}
}

// control writes one item to one inbox.
func (c *coordinator) control(ctx context.Context, dep *schemas.Deployment, inbox int, item wire.Control) error {
	out := controlOutput(dep, c.topics, inbox, item)
	if err := c.produce(ctx, out.Topic, out.Partition, out.Record); err != nil {
		return fmt.Errorf("inbox %d: %w", inbox, err)
	}
	return nil
}
