package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"portrait/schemas/wire"
)

// skipFlags name a place of an inbox, as the message of a stop does.
type skipFlags struct {
	partition       int
	offset          int64
	item            int32
	timers          string
	gapFrom         int32
	gapTo           uint64
	hasItem, hasGap bool // the flags were given: 0 is a place too
}

func skipCommand() *cobra.Command {
	var at targetFlags
	var f skipFlags
	c := &cobra.Command{
		Use:   "skip",
		Short: "Let a partition that stands go on without what it stopped at",
		Long: `Let an inbox partition go on that stands: at a record that does not decode, at one whose applying
panicked, or at a gap in a channel. The log, /readyz and the metric portrait_stopped say which partition
stands, why, and the exact command.

The skip is written into the partition's inbox, behind the place it names: so it is part of the log, and
every replay passes over the same thing. A partition that did not stop at that place takes no notice of it.

What is passed over is lost to the profiles: an event becomes a dead letter with the reason
skipped_by_operator, a message between machines is gone (after a record of another machine that does not
decode a gap follows, which is skipped in the same way), timers of a profile are dropped until its next
event. Restart a mended binary instead if there is one.`,
		Example: `  portrait skip --partition 2 --offset 123456
  portrait skip --partition 2 --offset 123456 --item 3
  portrait skip --partition 2 --offset 123456 --timers device_id:a1
  portrait skip --partition 2 --offset 123456 --gap-from 1 --gap-to 7788`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.hasItem, f.hasGap = cmd.Flags().Changed("item"), cmd.Flags().Changed("gap-from")
			skip, err := f.skip()
			if err != nil {
				return err
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
			ctx, cancel := context.WithTimeout(cmd.Context(), askTimeout)
			defer cancel()
			if err := a.Skip(ctx, f.partition, skip); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "inbox %d may pass over the %s at offset %d\n", f.partition, skip.Kind, skip.Offset)
			return nil
		},
	}
	at.add(c)
	c.Flags().IntVar(&f.partition, "partition", 0, "inbox partition that stands")
	c.Flags().Int64Var(&f.offset, "offset", 0, "offset of the inbox record that it stands at; alone: the whole record")
	c.Flags().Int32Var(&f.item, "item", 0, "only this item of the record, from 0")
	c.Flags().StringVar(&f.timers, "timers", "", "only the timers of the profile with this identifier, as stored")
	c.Flags().Int32Var(&f.gapFrom, "gap-from", 0, "only the gap in the channel of this machine")
	c.Flags().Uint64Var(&f.gapTo, "gap-to", 0, "where that channel goes on")
	for _, name := range []string{"partition", "offset"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is defined above
		}
	}
	return c
}

// skip is the place that the flags name.
func (f *skipFlags) skip() (wire.Skip, error) {
	s := wire.Skip{Kind: wire.SkipRecord, Offset: f.offset}
	kinds := 0
	if f.hasItem {
		kinds++
		s.Kind, s.Item = wire.SkipItem, f.item
	}
	if f.timers != "" {
		kinds++
		s.Kind, s.Profile = wire.SkipTimers, f.timers
	}
	if f.hasGap || f.gapTo != 0 {
		kinds++
		s.Kind, s.From, s.Seq = wire.SkipGap, f.gapFrom, f.gapTo
	}
	if kinds > 1 {
		return s, errors.New("skip: one of --item, --timers and --gap-from with --gap-to, or none for the whole record")
	}
	return s, s.Validate()
}
