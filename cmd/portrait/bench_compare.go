package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"portrait/bench/compare"
)

func benchCompareCommand() *cobra.Command {
	var jsonFile string
	c := &cobra.Command{
		Use:   "compare A.json[,A2.json…] B.json[,B2.json…]",
		Short: "Two results side by side, with ratios",
		Long: `Compare results that bench commands wrote with --json. Several files of one side, separated by commas, are
rounds. A ratio is that of the medians, the second to the first; where the ranges overlap, the difference may be
chance, and the line says so.`,
		Example: "  portrait bench compare before.json after.json\n  portrait bench compare a1.json,a2.json,a3.json b1.json,b2.json,b3.json",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			a, err := readResults(args[0])
			if err != nil {
				return err
			}
			b, err := readResults(args[1])
			if err != nil {
				return err
			}
			comparison, err := compare.Files(a, b)
			if err != nil {
				return err
			}
			if jsonFile != "-" {
				printComparison(os.Stdout, comparison)
			}
			return writeJSON(jsonFile, comparison)
		},
	}
	c.Flags().StringVar(&jsonFile, "json", "", "write the comparison there as JSON; - for stdout, and nothing else there")
	return c
}

func readResults(list string) (texts [][]byte, err error) {
	for name := range strings.SplitSeq(list, ",") {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func printComparison(w io.Writer, c *compare.Comparison) {
	for _, d := range c.Different {
		fmt.Fprintln(w, "not the same:", d)
	}
	fmt.Fprintf(w, "%-32s %12s %12s %8s\n", "", "first", "second", "ratio")
	for _, r := range c.Rows {
		note := ""
		if r.Within {
			note = "  within the spread"
		}
		fmt.Fprintf(w, "%-32s %12.2f %12.2f %8.3f  %s%s\n", r.Figure, r.A.Median, r.B.Median, r.Ratio, compare.Percent(r.Ratio), note)
	}
}
