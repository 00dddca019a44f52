package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"portrait/pipeline"
	"portrait/pipeline/kafka"
	"portrait/schemas"
)

func tagsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "tags",
		Short:   "Follow tag changes",
		Long:    `Tag changes are the product of a deployment: one record per change of one tag of one profile, on a Kafka topic.`,
		Example: "  portrait tags tail",
	}
	c.AddCommand(tagsTailCommand())
	return c
}

func tagsTailCommand() *cobra.Command {
	var at targetFlags
	var o tailOptions
	c := &cobra.Command{
		Use:   "tail",
		Short: "Print tag changes as they come",
		Long: `Print tag changes as they come, until interrupted: time of the decision, change, tag with its value, profile
and cause. Repeats, which follow a crash or a change of owner, are dropped as every consumer should: by
(epoch, version) per profile (schemas/tags.md). --json prints the records themselves, one per line.`,
		Example: `  portrait tags tail
  portrait tags tail --tag cart_abandoned --json
  portrait tags tail --profile 0c6f3a1e-6d0c-8a51-b2c5-0a1f5d1c9e77 --from-beginning`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.profile != "" {
				id, err := uuid.Parse(o.profile)
				if err != nil {
					return fmt.Errorf("--profile %q is no profile's id; `portrait profile TYPE:VALUE` shows it", o.profile)
				}
				o.profile = id.String()
			}
			t, err := at.find()
			if err != nil {
				return err
			}
			a, err := t.admin(cmd.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			hintTag(cmd.ErrOrStderr(), o.tag, a.Catalog().Text)
			err = (&tail{tailOptions: o, out: cmd.OutOrStdout(), trouble: cmd.ErrOrStderr(), latest: newLatest(maxLatest)}).run(cmd.Context(), a)
			if cmd.Context().Err() != nil {
				return nil // interrupted: that is how it ends, whatever a request under way says of it
			}
			return err
		},
	}
	at.add(c)
	f := c.Flags()
	f.StringVar(&o.tag, "tag", "", "changes of this tag only")
	f.StringVar(&o.profile, "profile", "", "changes of this profile only (its id)")
	f.BoolVar(&o.beginning, "from-beginning", false, "everything that the topic still holds first")
	f.BoolVar(&o.json, "json", false, "print the records as they are, one JSON object per line")
	return c
}

type tailOptions struct {
	tag, profile    string
	beginning, json bool
}

// tail follows the tags topic.
type tail struct {
	tailOptions
	mu      sync.Mutex // partitions are read side by side
	out     io.Writer
	trouble io.Writer
	latest  *latest
}

// run reads until ctx ends. A profile's changes are in one partition, so one profile needs only one.
func (t *tail) run(ctx context.Context, a *pipeline.Admin) error {
	topic, n := a.Topics().Tags, a.Deployment().InboxPartitions
	group, ctx := errgroup.WithContext(ctx)
	for p := range n {
		if t.profile != "" && p != schemas.PartitionOf(t.profile, n) {
			continue
		}
		group.Go(func() error {
			start, end, err := a.Client().Offsets(ctx, topic, p)
			if err != nil {
				return err
			}
			if t.beginning {
				end = start
			}
			return t.partition(ctx, kafka.NewFetcher(a.Client(), topic, p, end), p)
		})
	}
	return group.Wait()
}

func (t *tail) partition(ctx context.Context, f *kafka.Fetcher, p int) error {
	away := false
	for {
		b, err := f.Next(ctx)
		if err != nil {
			return err
		}
		if b.Err != nil { // a broker that is away; Next waits before it asks again
			if !away {
				fmt.Fprintf(t.trouble, "waiting for the brokers: %v\n", b.Err)
			}
			away = true
			continue
		}
		away = false
		for i := range b.Records {
			if err := t.record(&b.Records[i]); err != nil {
				return fmt.Errorf("tags partition %d, offset %d: %w", p, b.Records[i].Offset, err)
			}
		}
	}
}

// record prints one change unless it is filtered or was seen. The filter looks at key and header, so most
// records are not parsed; versions only grow, so those left out need not be remembered.
func (t *tail) record(r *kafka.Record) error {
	if t.profile != "" && string(r.Key) != t.profile || t.tag != "" && headerValue(r, "tag") != t.tag {
		return nil
	}
	var c schemas.TagChange
	if err := json.Unmarshal(r.Value, &c); err != nil {
		return fmt.Errorf("not a tag change: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.latest.isNew(c.ProfileID, c.Epoch, c.Version) {
		return nil
	}
	if t.json {
		_, err := t.out.Write(append(bytes.TrimSpace(r.Value), '\n'))
		return err
	}
	_, err := io.WriteString(t.out, changeLine(&c)+"\n")
	return err
}

func headerValue(r *kafka.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// changeLine is one change for people.
func changeLine(c *schemas.TagChange) string {
	at := c.DecidedAt
	if t, err := time.Parse(time.RFC3339, c.DecidedAt); err == nil {
		at = t.Local().Format("15:04:05.000")
	}
	what := fmt.Sprintf("%s %s", c.Tag, plain(c.Value))
	switch c.Change {
	case schemas.Merged:
		what = "into " + c.Winner
	case schemas.Erased:
		what = ""
	case schemas.Changed:
		what = fmt.Sprintf("%s %s → %s", c.Tag, plain(c.Previous), plain(c.Value))
	case schemas.Left:
		what = fmt.Sprintf("%s %s → %s", c.Tag, plain(c.Previous), plain(c.Value))
	}
	return fmt.Sprintf("%s  %-7s  %-44s  %s  %s", at, c.Change, what, c.ProfileID, c.Cause.Kind)
}

func plain(v any) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(v)
}

// maxLatest bounds the memory of a tail: about 100 bytes each, twice as many at most.
const maxLatest = 500_000

// latest remembers the newest (epoch, version) of the profiles seen last: two generations, of which
// the older is forgotten when the younger is full.
type latest struct {
	most         int
	younger, old map[string]numbered
}

type numbered struct {
	epoch   int
	version uint64
}

func newLatest(most int) *latest {
	return &latest{most: most, younger: map[string]numbered{}, old: map[string]numbered{}}
}

// isNew reports whether a change is above everything seen of its profile, and remembers it then.
func (l *latest) isNew(profile string, epoch int, version uint64) bool {
	seen, ok := l.younger[profile]
	if !ok {
		seen, ok = l.old[profile]
	}
	if ok && (epoch < seen.epoch || epoch == seen.epoch && version <= seen.version) {
		return false
	}
	if len(l.younger) >= l.most {
		l.old, l.younger = l.younger, map[string]numbered{}
	}
	l.younger[profile] = numbered{epoch, version}
	return true
}
