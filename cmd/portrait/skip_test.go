package main

import (
	"strings"
	"testing"

	"portrait/schemas/wire"
)

// TestSkipFlags: what a stop prints is what the command reads.
func TestSkipFlags(t *testing.T) {
	for _, s := range []wire.Skip{
		{Kind: wire.SkipRecord, Offset: 7},
		{Kind: wire.SkipItem, Offset: 7}, // item 0 is an item, not the whole record
		{Kind: wire.SkipTimers, Offset: 7, Profile: "device_id:a1"},
		{Kind: wire.SkipGap, Offset: 7, Seq: 9},
	} {
		var f skipFlags
		c := skipCommand()
		if err := c.ParseFlags(append([]string{"--partition", "1"}, strings.Fields(s.Flags())...)); err != nil {
			t.Fatal(err)
		}
		f.offset, _ = c.Flags().GetInt64("offset")
		f.item, _ = c.Flags().GetInt32("item")
		f.timers, _ = c.Flags().GetString("timers")
		f.gapFrom, _ = c.Flags().GetInt32("gap-from")
		f.gapTo, _ = c.Flags().GetUint64("gap-to")
		f.hasItem, f.hasGap = c.Flags().Changed("item"), c.Flags().Changed("gap-from")
		if got, err := f.skip(); err != nil || got != s {
			t.Errorf("%q reads as %+v, %v; want %+v", s.Flags(), got, err, s)
		}
	}
	for _, args := range []string{"--offset 1 --item 0 --timers device_id:a", "--offset 1 --gap-from 0", "--offset -1"} {
		_, _, err := runCommandLine(t, "", append(strings.Fields("skip --partition 0 --data "+t.TempDir()), strings.Fields(args)...)...)
		mustFail(t, err, 1, "skip: ")
	}
}

// testSkip asks the deployment to pass over a place that no partition stands at: it is written, and nobody
// takes notice.
func testSkip(t *testing.T, d *deployment) {
	out, err := d.ask(t, "skip", "--partition", "0", "--offset", "0")
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, "skip", out, "inbox 0 may pass over the record at offset 0")
	_, err = d.ask(t, "skip", "--partition", "99", "--offset", "0")
	mustFail(t, err, 1, "the deployment has 0 to")
	out, err = d.ask(t, "profile", annPhone)
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, "profile", out, `"customer_id"`)
}
