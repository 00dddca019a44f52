package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"portrait/bench"
	"portrait/bench/solo"
	"portrait/bench/stages"
	"portrait/bench/traffic"
)

// benchMachineCommand measures one machine alone.
func benchMachineCommand() *cobra.Command {
	var c solo.Config
	var keys, profileFile, jsonFile string
	cmd := &cobra.Command{
		Use:   "machine",
		Short: "The machine of one partition alone, on a log made beforehand: events/s per core",
		Long: `Apply a log of events, made before the clock starts, to the machine of one inbox partition with a real
store behind it, and tell what an event costs: time of the machine's goroutine, CPU of the process, bytes
allocated. Every event is counted and compared with the plan; the exit code is 1 if anything differs.`,
		Example: `  portrait bench machine
  portrait bench machine --catalog 12 --profiles 1000000 --events 500000
  portrait bench machine --encode --cpuprofile cpu.pprof`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Keys = traffic.Keys(keys)
			result, err := benchMachine(c, profileFile)
			if err != nil {
				return err
			}
			if err := writeJSON(jsonFile, result); err != nil {
				return err
			}
			if jsonFile != "-" {
				printMachine(os.Stdout, result)
			}
			if !result.OK {
				return errReported
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.IntVar(&c.Tags, "catalog", 300, "tags of the catalogue: 1, 12 or 300")
	f.StringVar(&keys, "keys", "zipf", "who acts: zipf (exponent 0.99) or uniform")
	f.IntVar(&c.Profiles, "profiles", 100_000, "profiles preloaded")
	f.Float64Var(&c.Merges, "merges", 0, "share of events that link a device, for example 0.1; 0: customers only")
	f.IntVar(&c.Events, "events", 200_000, "events per segment")
	f.IntVar(&c.Segments, "repeats", 5, "segments")
	f.IntVar(&c.Warmup, "warmup", 100_000, "events before the first segment")
	f.BoolVar(&c.Encode, "encode", false, "count the encoding of outputs, too, as on a partition's goroutine")
	f.IntVar(&c.CacheMB, "cache", 0, "MiB of profiles in memory (default: 256)")
	f.Uint64Var(&c.Seed, "seed", 1, "seed of the plan")
	f.StringVar(&profileFile, "cpuprofile", "", "write a CPU profile of the segments there, and tell the stages")
	f.StringVar(&jsonFile, "json", "", "write the result there as JSON; - for stdout")
	return cmd
}

func benchMachine(c solo.Config, profileFile string) (*solo.Result, error) {
	dir, err := os.MkdirTemp("", "portrait-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	c.Dir = filepath.Join(dir, "machine")
	c.Progress = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	var cpu bytes.Buffer
	if profileFile != "" {
		c.Profile = &cpu
	}
	result, err := solo.Run(c)
	if err != nil {
		return nil, err
	}
	result.Revision = revision()
	if profileFile == "" {
		return result, nil
	}
	b, err := stages.Divide(cpu.Bytes(), int64(c.Events)*int64(c.Segments))
	if err != nil {
		return nil, err
	}
	result.Stages = b.Stages
	return result, os.WriteFile(profileFile, cpu.Bytes(), 0o644)
}

// writeJSON writes v indented to a file, to stdout if that is "-", or nowhere if it is empty.
func writeJSON(file string, v any) error {
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if file == "-" {
		_, err = os.Stdout.Write(text)
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

func printMachine(w io.Writer, r *solo.Result) {
	s := &r.Settings
	fmt.Fprintf(w, "machine alone: %d tags, %s keys, %d profiles, %.0f %% of events link, %d segments of %d events\n",
		s.Tags, s.Keys, s.Profiles, 100*s.Merges, len(r.Segments), s.Events)
	row := func(name, unit string, v bench.Spread) {
		fmt.Fprintf(w, "  %-34s %10.0f %-10s (%.0f to %.0f)\n", name, v.Median, unit, v.Min, v.Max)
	}
	row("the machine's goroutine", "ns/event", r.ApplyNS)
	row("CPU of the process, cuts and gc too", "ns/event", r.CPUNS)
	row("CPU of commits beside it", "ns/event", r.CommitCPUNS)
	row("per core", "events/s", r.PerCore)
	row("allocated", "B/event", r.Bytes)
	last := r.Segments[len(r.Segments)-1]
	fmt.Fprintf(w, "  per event: %.1f allocations, %.2f facts, %.3f tag changes, %.3f documents, %.3f cold reads, %.3f forwards, %.4f merges\n",
		last.Allocs, last.Facts, last.Changes, last.Docs, last.Cold, last.Forwards, last.Merges)
	fmt.Fprintf(w, "  %.0f MB on disk, %.0f B per profile; %.0f MB resident\n", float64(r.Disk)/1e6, r.DiskPerProfile, float64(r.RSS)/1e6)
	printStages(w, r.Stages)
	printChecks(w, r.Checks)
}

func printStages(w io.Writer, list []bench.Stage) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w, "  CPU by stage:")
	for _, s := range list {
		fmt.Fprintf(w, "    %-14s %6.3f µs/event  %5.1f %%\n", s.Name, s.MicroS, 100*s.Share)
	}
}

func printChecks(w io.Writer, list []bench.Check) {
	for _, c := range list {
		mark := "ok  "
		if !c.OK {
			mark = "FAIL"
		}
		fmt.Fprintf(w, "  %s %-26s %s\n", mark, c.Name, c.Detail)
	}
}
