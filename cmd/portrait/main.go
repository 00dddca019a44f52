// Command portrait runs, demonstrates and inspects Portrait. main parses and exits; what the commands
// wire together is in service.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"portrait/sinks/clickhouse"
)

func main() {
	if clickhouse.IsChild() { // this process is the embedded ClickHouse of another one
		os.Exit(clickhouse.ChildMain(os.Args[2:]))
	}
	if os.Getenv("GOGC") == "" {
		// State lives outside the heap's churn: what one batch allocates is garbage with the next. A
		// collection at four times the live heap instead of twice costs memory that is there and saves
		// about a tenth of the CPU; a running service bounds it (boundHeap).
		debug.SetGCPercent(300)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root().ExecuteContext(ctx)
	stop()
	if err != nil {
		if !errors.Is(err, errReported) {
			fmt.Fprintln(os.Stderr, "portrait:", err)
		}
		os.Exit(exitCode(err))
	}
}

// errReported ends the process with exit code 1 when what is wrong has been printed already.
var errReported = errors.New("reported")

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "portrait",
		Short: "Live user profiles from a Kafka stream of events",
		Long: `Portrait turns a Kafka stream of raw events into live user profiles: it stitches
identities, keeps features, emits tag changes to Kafka and sinks everything to ClickHouse.

Start with:
  portrait demo                 a live shop for a minute, everything embedded
  portrait run                  the long-running service (embedded without a configuration)`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.AddCommand(demoCommand(), runCommand(), importCommand(),
		sqlCommand(), profileCommand(), funnelCommand(), tagsCommand(), checkCommand(), topicsCommand(), hashCommand(), catalogCommand(), snapshotCommand(), upgradeCommand(), skipCommand(), benchCommand())
	return c
}
