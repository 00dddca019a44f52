package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"portrait/sinks/clickhouse"
)

// sqlFormats are ClickHouse's own names of the formats.
var sqlFormats = map[clickhouse.Format]string{clickhouse.FormatPretty: "PrettyCompactMonoBlock",
	clickhouse.FormatCSV: "CSVWithNames", clickhouse.FormatJSON: "JSONEachRow"}

func sqlCommand() *cobra.Command {
	var at targetFlags
	var format string
	c := &cobra.Command{
		Use:   "sql QUERY",
		Short: "Ask ClickHouse, read-only",
		Long: `Ask the deployment's ClickHouse as the read-only user: the engine of the service that runs on the
data directory, else the server of the configuration (clickhouse.dsn), else the engine of the stopped
service, which is started for the query only. QUERY "-" is read from stdin.

Tables and views to begin with: events_now and profiles_now (identity as known today), events_recorded
(as known then), tag_changes_now, identity_merges, accounting, freshness. SHOW TABLES lists all;
DESCRIBE TABLE events_now explains every column.

--format json prints one JSON object per row. A FORMAT clause in the query wins when ClickHouse is embedded.`,
		Example: `  portrait sql "SELECT event, count() FROM events_now GROUP BY event ORDER BY 2 DESC"
  portrait sql "SELECT tag, uniqExact(profile_id) FROM tag_changes_now WHERE change = 'entered' GROUP BY tag"
  portrait sql --format csv - < question.sql > answer.csv`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query, err := readQuery(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			if sqlFormats[clickhouse.Format(format)] == "" {
				return fmt.Errorf("--format %q; want pretty, csv or json", format)
			}
			t, err := at.find()
			if err != nil {
				return err
			}
			r, err := t.reader(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return errors.Join(r.ask(cmd.Context(), query, clickhouse.Format(format), cmd.OutOrStdout()), r.Close())
		},
	}
	at.add(c)
	c.Flags().StringVar(&format, "format", "pretty", "pretty, csv (with names) or json (an object per row)")
	return c
}

// maxQueryBytes is ClickHouse's own default limit of a statement, several times over.
const maxQueryBytes = 1 << 20

func readQuery(arg string, in io.Reader) (string, error) {
	if arg == "-" {
		b, err := io.ReadAll(io.LimitReader(in, maxQueryBytes+1))
		if err != nil {
			return "", fmt.Errorf("query from stdin: %w", err)
		}
		if len(b) > maxQueryBytes {
			return "", fmt.Errorf("query from stdin: more than %d bytes", maxQueryBytes)
		}
		arg = string(b)
	}
	if strings.TrimSpace(arg) == "" {
		return "", errors.New("the query is empty")
	}
	return arg, nil
}

// askHTTP sends a query to an embedded engine, which formats the answer itself. The engine holds the
// answer until it is whole, so that a failure half-way is an error and not a short answer.
func askHTTP(ctx context.Context, addr, query, format string, out io.Writer) error {
	u := url.URL{Scheme: "http", Host: addr, Path: "/", RawQuery: url.Values{
		"database": {clickhouse.DefaultDatabase}, "default_format": {format}, "wait_end_of_query": {"1"}}.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(query))
	if err != nil {
		return err
	}
	req.Header.Set("X-ClickHouse-User", clickhouse.Reader)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("clickhouse: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		if err != nil {
			return fmt.Errorf("clickhouse: %w", err)
		}
		return fmt.Errorf("clickhouse: %s", strings.TrimSpace(string(text)))
	}
	if _, err := io.Copy(out, resp.Body); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}
