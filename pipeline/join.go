package pipeline

import (
	"context"
	"errors"

	"portrait/pipeline/kafka"
)

// coordinator is what makes this process one for a while.
func (n *Node) coordinator() *coordinator {
	return &coordinator{client: n.client, producer: n.producer, topics: n.topics}
}

// join founds the deployment or verifies that we belong to it. It appends to no log that a machine reads.
func (n *Node) join(ctx context.Context) error {
	c := n.coordinator()
	proposal := n.config.Deployment
	catalog := n.topics.Specs(&proposal, n.config.Replication)[5:6]
	if err := kafka.EnsureTopics(ctx, n.client, catalog); err != nil {
		return err
	}
	state, err := c.read(ctx)
	if err != nil {
		return err
	}
	n.dep, err = state.recorded()
	if errors.Is(err, errNoDeployment) {
		proposal.KeyID, proposal.KeyCheck = n.keys.ID(), n.keys.KeyCheck()
		if err := proposal.Validate(); err != nil {
			return err
		}
		if n.config.Catalog != nil { // a deployment is for ever: it is not founded by a start that fails
			if _, err := checkCatalog(n.config.Catalog, &proposal); err != nil {
				return err
			}
		}
		n.dep, err = c.settle(ctx, &proposal)
		n.log.Info("new deployment", "id", proposal.ID, "inbox_partitions", proposal.InboxPartitions, "clock", proposal.Clock)
	}
	if err != nil {
		return err
	}
	if err := n.keys.Verify(n.dep.KeyID, n.dep.KeyCheck); err != nil {
		return err
	}
	if n.logic, err = n.awaitBarriers(ctx, c); err != nil {
		return err
	}
	if err := kafka.EnsureTopics(ctx, n.client, n.topics.Specs(n.dep, n.config.Replication)); err != nil {
		return err
	}
	if _, config, err := kafka.DescribeTopic(ctx, n.client, n.topics.Events, "message.timestamp.type"); err == nil && config["message.timestamp.type"] == "CreateTime" {
		n.log.Warn("events carry their producers' times: an absence tag may come early by what a producer holds back; "+
			"set message.timestamp.type=LogAppendTime", "topic", n.topics.Events)
	}
	n.known = state.text
	return nil
}

// welcome begins inboxes that are empty, and brings the catalogue to the machines.
func (n *Node) welcome(ctx context.Context) error {
	c := n.coordinator()
	if err := c.greet(ctx, n.dep, n.logic.founded); err != nil {
		return err
	}
	text := n.config.Catalog
	if text == nil {
		if text = n.known; text == nil {
			text = n.config.First
		}
	}
	if text == nil {
		return nil
	}
	version, err := c.publish(ctx, n.dep, text) // of what is active already only an unfinished activation is repeated
	if err == nil {
		n.log.Info("catalogue", "version", version)
	}
	return err
}
