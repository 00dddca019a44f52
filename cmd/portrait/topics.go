package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"portrait/pipeline"
)

func topicsCommand() *cobra.Command {
	var at targetFlags
	var asJSON, each bool
	c := &cobra.Command{
		Use:   "topics",
		Short: "List the deployment's topics with offsets, lag and retention",
		Long: `List the topics of the deployment: what they are for, partitions, records (offsets between start and
end; of a compacted topic fewer exist), retention, and how far the consumer group that reads it is behind.

The lag is a hint: groups commit about two seconds after the work, and a machine begins at the position in
its own state, not at the committed one. Exact lags are in the metrics of the service.`,
		Example: "  portrait topics\n  portrait topics --partitions\n  portrait topics --config portrait.yaml --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := at.find()
			if err != nil {
				return err
			}
			a, err := t.admin(cmd.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), askTimeout)
			defer cancel()
			topics, err := a.DescribeTopics(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(topics)
			}
			return printTopics(topics, topicPurposes(a.Topics()), each, cmd.OutOrStdout())
		},
	}
	at.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	c.Flags().BoolVar(&each, "partitions", false, "a line for each partition as well")
	return c
}

// topicPurposes says what each topic is for.
func topicPurposes(t pipeline.Topics) map[string]string {
	return map[string]string{
		t.Events: "in: raw events", t.Inbox: "internal: what machines apply", t.Tags: "out: tag changes",
		t.Profiles: "out: latest profiles", t.Facts: "internal: to ClickHouse", t.Catalog: "deployment and catalogues",
		t.Rejected: "out: dead letters",
	}
}

func printTopics(topics []pipeline.TopicStatus, purposes map[string]string, each bool, out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TOPIC\tPARTITIONS\tRECORDS\tLAG\tGROUP\tRETENTION\tPURPOSE")
	for i := range topics {
		t := &topics[i]
		var start, end int64
		for _, p := range t.Partitions {
			start, end = start+p.Start, end+p.End
		}
		lag, group := "-", "-"
		if t.Group != "" {
			lag, group = fmt.Sprint(t.Lag()), t.Group
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\n", t.Name, len(t.Partitions), end-start, lag, group, retention(t), purposes[t.Name])
		for k, p := range t.Partitions {
			if !each {
				break
			}
			lag = "-"
			if t.Group != "" {
				lag = fmt.Sprint(p.End - max(p.Committed, p.Start))
			}
			fmt.Fprintf(w, "  partition %d\t\t%d\t%s\t\t\toffsets %d to %d\n", k, p.End-p.Start, lag, p.Start, p.End)
		}
	}
	return w.Flush()
}

// retention says how long records stay, for people.
func retention(t *pipeline.TopicStatus) string {
	d := time.Duration(t.RetentionMS) * time.Millisecond
	switch {
	case t.Cleanup == "compact":
		return "compacted"
	case t.RetentionMS < 0:
		return "for ever"
	case d >= 24*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.String()
}
