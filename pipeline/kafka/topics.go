package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Cleanup is what a broker does with old records.
type Cleanup string

// The cleanup policies.
const (
	CleanupDelete  Cleanup = "delete"
	CleanupCompact Cleanup = "compact"
)

// TopicSpec is a topic as it must be.
type TopicSpec struct {
	Name            string
	Partitions      int
	Cleanup         Cleanup
	Retention       time.Duration // of delete; 0: the broker's default; a negative one: for ever
	MaxMessageBytes int           // largest batch, and so largest record; an existing topic may allow more
	Replication     int           // of a new topic; 0: the broker's default
	AppendTime      bool          // a new topic's records carry the time of the append, not their producer's
}

// EnsureTopics creates topics that do not exist and verifies those that do: the number of partitions
// and the cleanup policy must be the wanted ones, max.message.bytes at least. It changes no existing
// topic. All mismatches are reported at once, each with its remedy.
func EnsureTopics(ctx context.Context, client *Client, specs []TopicSpec) error {
	for _, spec := range specs {
		if spec.Partitions < 1 || spec.MaxMessageBytes < 1 || (spec.Cleanup != CleanupDelete && spec.Cleanup != CleanupCompact) {
			return fmt.Errorf("topic %s: needs partitions, max message bytes and a cleanup policy", spec.Name)
		}
	}
	if err := createTopics(ctx, client, specs); err != nil {
		return err
	}
	var problems []error
	for _, spec := range specs {
		if err := verifyTopic(ctx, client, spec); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// failuresUntold are no news: with their pauses they take about a second, as long as an election.
const failuresUntold = 7

// createTopics asks for all topics; the broker says which exist, so no look at metadata can be stale.
func createTopics(ctx context.Context, client *Client, specs []TopicSpec) error {
	request := &kafkago.CreateTopicsRequest{}
	for _, spec := range specs {
		config := kafkago.TopicConfig{Topic: spec.Name, NumPartitions: spec.Partitions, ReplicationFactor: spec.Replication}
		if spec.Replication == 0 {
			config.ReplicationFactor = -1
		}
		set := func(name, value string) {
			config.ConfigEntries = append(config.ConfigEntries, kafkago.ConfigEntry{ConfigName: name, ConfigValue: value})
		}
		set("cleanup.policy", string(spec.Cleanup))
		set("max.message.bytes", strconv.Itoa(spec.MaxMessageBytes))
		if spec.AppendTime {
			set("message.timestamp.type", "LogAppendTime")
		}
		switch {
		case spec.Retention > 0:
			set("retention.ms", strconv.FormatInt(spec.Retention.Milliseconds(), 10))
		case spec.Retention < 0:
			set("retention.ms", "-1")
		}
		request.Topics = append(request.Topics, config)
	}
	response, err := client.api.CreateTopics(ctx, request)
	failures := 1
	for ; err != nil; failures++ {
		if isAuthorization(err) || !pause(ctx, backoff(failures)) {
			return fmt.Errorf("create topics on %s: %w", strings.Join(client.config.Brokers, ","), describe(err))
		}
		if failures == failuresUntold && client.waiting != nil {
			client.waiting(describe(err))
		}
		response, err = client.api.CreateTopics(ctx, request)
	}
	if failures > failuresUntold && client.waiting != nil {
		client.waiting(nil)
	}
	for _, spec := range specs {
		err := response.Errors[spec.Name]
		if err == nil || errors.Is(err, kafkago.TopicAlreadyExists) {
			continue
		}
		if isAuthorization(err) && exists(ctx, client, spec.Name) {
			continue // made by an administrator for a user that may not: the broker refuses before it looks
		}
		return fmt.Errorf("create topic %s: %w; let an administrator create it with %d partitions, cleanup.policy=%s, max.message.bytes=%d",
			spec.Name, err, spec.Partitions, spec.Cleanup, spec.MaxMessageBytes)
	}
	return nil
}

func exists(ctx context.Context, client *Client, topic string) bool {
	response, err := client.api.Metadata(ctx, &kafkago.MetadataRequest{Topics: []string{topic}})
	return err == nil && len(response.Topics) == 1 && response.Topics[0].Error == nil
}

// TopicExists asks the brokers whether they have a topic. It waits for brokers that are away until ctx ends.
func TopicExists(ctx context.Context, client *Client, topic string) (bool, error) {
	for failures := 1; ; failures++ {
		response, err := client.api.Metadata(ctx, &kafkago.MetadataRequest{Topics: []string{topic}})
		if err == nil && len(response.Topics) == 1 {
			if err = response.Topics[0].Error; err == nil {
				return true, nil
			}
			if errors.Is(err, kafkago.UnknownTopicOrPartition) {
				return false, nil
			}
		}
		if err == nil {
			err = errors.New("the answer does not have it")
		}
		if isAuthorization(err) || !pause(ctx, backoff(failures)) {
			return false, fmt.Errorf("topic %s: %w", topic, describe(err))
		}
	}
}

func verifyTopic(ctx context.Context, client *Client, spec TopicSpec) error {
	partitions, config, err := DescribeTopic(ctx, client, spec.Name, "cleanup.policy", "max.message.bytes")
	if err != nil {
		return err
	}
	return compare(spec, partitions, config)
}

// DescribeTopic returns the number of partitions of a topic and the named settings (cleanup.policy,
// retention.ms, …). It waits for a topic that was just made until ctx ends.
func DescribeTopic(ctx context.Context, client *Client, topic string, settings ...string) (partitions int, config map[string]string, err error) {
	if partitions, err = countPartitions(ctx, client, topic); err != nil {
		return 0, nil, fmt.Errorf("topic %s: %w", topic, err)
	}
	response, err := client.api.DescribeConfigs(ctx, &kafkago.DescribeConfigsRequest{
		Resources: []kafkago.DescribeConfigRequestResource{{
			ResourceType: kafkago.ResourceTypeTopic, ResourceName: topic, ConfigNames: settings,
		}},
	})
	if err != nil {
		return 0, nil, fmt.Errorf("topic %s: read its configuration: %w", topic, describe(err))
	}
	config = map[string]string{}
	for _, resource := range response.Resources {
		if resource.Error != nil {
			return 0, nil, fmt.Errorf("topic %s: read its configuration: %w", topic, resource.Error)
		}
		for _, entry := range resource.ConfigEntries {
			config[entry.ConfigName] = entry.ConfigValue
		}
	}
	return partitions, config, nil
}

// compare reports every difference of one topic that matters.
func compare(spec TopicSpec, partitions int, config map[string]string) error {
	var problems []error
	if partitions != spec.Partitions {
		problems = append(problems, fmt.Errorf(
			"topic %s has %d partitions, the deployment record says %d: the number never changes; restore the topic, or start a new deployment with another topic prefix",
			spec.Name, partitions, spec.Partitions))
	}
	if got := config["cleanup.policy"]; got != string(spec.Cleanup) {
		problems = append(problems, fmt.Errorf("topic %s has cleanup.policy=%s, want %s: alter the topic's configuration",
			spec.Name, got, spec.Cleanup))
	}
	if got, err := strconv.Atoi(config["max.message.bytes"]); err != nil || got < spec.MaxMessageBytes {
		problems = append(problems, fmt.Errorf("topic %s has max.message.bytes=%s, want at least %d: alter the topic's configuration",
			spec.Name, config["max.message.bytes"], spec.MaxMessageBytes))
	}
	return errors.Join(problems...)
}

// countPartitions waits until a topic just made is known to the client.
func countPartitions(ctx context.Context, client *Client, topic string) (int, error) {
	for failures := 1; ; failures++ {
		response, err := client.api.Metadata(ctx, &kafkago.MetadataRequest{Topics: []string{topic}})
		if err == nil && len(response.Topics) == 1 {
			if err = response.Topics[0].Error; err == nil {
				return len(response.Topics[0].Partitions), nil
			}
		}
		if err != nil && isAuthorization(err) {
			return 0, err
		}
		if !pause(ctx, backoff(failures)) {
			return 0, fmt.Errorf("waiting for its metadata: %w: %w", ctx.Err(), err)
		}
	}
}
