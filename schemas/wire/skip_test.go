package wire

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

var someSkips = []Skip{
	{Kind: SkipRecord, Offset: 7},
	{Kind: SkipItem, Offset: 1 << 40, Item: 49},
	{Kind: SkipTimers, Offset: 0, Profile: "device_id:a 'quoted' $(one)"},
	{Kind: SkipGap, Offset: 3, From: 2, Seq: 99},
}

func TestSkipRoundTrip(t *testing.T) {
	for _, s := range someSkips {
		var e Encoder
		s.Encode(&e)
		got, err := DecodeSkip(e.B)
		if err != nil || got != s {
			t.Errorf("%+v became %+v, %v", s, got, err)
		}
		for cut := range e.B {
			if _, err := DecodeSkip(e.B[:cut]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%+v cut at %d: %v", s, cut, err)
			}
		}
	}
}

// TestSkipRefused has skips that name no place, or two.
func TestSkipRefused(t *testing.T) {
	for _, tc := range []struct {
		skip Skip
		want string
	}{
		{Skip{}, "unknown kind 0"},
		{Skip{Kind: SkipGap + 1}, "unknown kind 5"},
		{Skip{Kind: SkipRecord, Offset: -1}, "below zero"},
		{Skip{Kind: SkipItem, Item: -1}, "below zero"},
		{Skip{Kind: SkipRecord, Item: 3}, "nothing else"},
		{Skip{Kind: SkipItem, Profile: "device_id:a"}, "nothing else"},
		{Skip{Kind: SkipTimers}, "no profile"},
		{Skip{Kind: SkipGap, From: 1}, "number 1 or later"},
	} {
		if err := tc.skip.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %q", tc.skip, err, tc.want)
		}
		var e Encoder
		tc.skip.Encode(&e)
		if _, err := DecodeSkip(e.B); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v decodes: %v", tc.skip, err)
		}
	}
}

// TestSkipFlags gives the flags to a real shell: what a person pastes must name the same profile.
func TestSkipFlags(t *testing.T) {
	for _, tc := range []struct{ skip, want string }{
		{someSkips[0].Flags(), "--offset|7|"},
		{someSkips[1].Flags(), "--offset|1099511627776|--item|49|"},
		{someSkips[2].Flags(), "--offset|0|--timers|device_id:a 'quoted' $(one)|"},
		{someSkips[3].Flags(), "--offset|3|--gap-from|2|--gap-to|99|"},
	} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s|' `+tc.skip).Output()
		if err != nil || string(out) != tc.want {
			t.Errorf("the shell reads %q (%v), want %q", out, err, tc.want)
		}
	}
}

// FuzzDecodeSkip sees every input refused with a reason or decoded to a skip that says the same again.
func FuzzDecodeSkip(f *testing.F) {
	for _, s := range someSkips {
		var e Encoder
		s.Encode(&e)
		f.Add(e.B)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeSkip(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		var e Encoder
		s.Encode(&e)
		if again, err := DecodeSkip(e.B); err != nil || again != s || s.Flags() == "" {
			t.Fatalf("%+v became %+v, %v", s, again, err)
		}
	})
}
