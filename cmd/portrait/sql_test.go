package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portrait/sinks/clickhouse"
)

func testSQL(t *testing.T, d *deployment) {
	const query = "SELECT event, toInt64(count()) AS n, sum(amount) AS paid FROM events_now GROUP BY event ORDER BY event"
	t.Run("pretty", func(t *testing.T) {
		out, err := d.ask(t, "sql", query)
		if err != nil {
			t.Fatal(err)
		}
		mustContain(t, "table", out, "┌─event", "│ product_viewed │")
	})
	want := map[string]string{
		"csv":  "\"event\",\"n\",\"paid\"\n\"cart_added\",1,\\N\n\"order_paid\",1,99.5\n\"product_viewed\",3,\\N\n\"signed_in\",1,\\N\n",
		"json": `{"event":"order_paid","n":1,"paid":99.5}` + "\n" + `{"event":"product_viewed","n":3,"paid":null}`,
	}
	for format, text := range want {
		t.Run(format, func(t *testing.T) {
			out, err := d.ask(t, "sql", "--format", format, query)
			if err != nil {
				t.Fatal(err)
			}
			mustContain(t, "answer", out, text)
		})
	}
	t.Run("stdin", func(t *testing.T) {
		out, _, err := runCommandLine(t, "SELECT 6 * 7 AS answer", "sql", "-", "--format", "json", "--data", d.dir)
		if err != nil || strings.TrimSpace(out) != `{"answer":42}` {
			t.Errorf("%q, %v", out, err)
		}
	})
	for name, c := range map[string]struct{ query, want string }{
		"syntax":        {"SELECT FROM WHERE", "Syntax error"},
		"writing":       {"INSERT INTO schema_migrations VALUES (9, 'x', 'x', now())", "ACCESS_DENIED"},
		"half-way":      {"SELECT throwIf(number = 90000) FROM numbers(100000)", "FUNCTION_THROW_IF"},
		"nothing asked": {" ", "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := d.ask(t, "sql", c.query)
			mustFail(t, err, 1, c.want)
			if out != "" {
				t.Errorf("an answer all the same: %s", out)
			}
		})
	}
	t.Run("unknown format", func(t *testing.T) {
		_, err := d.ask(t, "sql", "--format", "xml", "SELECT 1")
		mustFail(t, err, 1, "pretty, csv or json")
	})
	t.Run("configured server", func(t *testing.T) { testConfiguredServer(t, d, query) })
}

// testConfiguredServer asks the same engine as a server of the configuration, whose user is asked to
// change nothing whether it may or not.
func testConfiguredServer(t *testing.T, d *deployment, query string) {
	for _, user := range []string{"default", clickhouse.Reader} {
		u, err := url.Parse(d.service.dsn)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.User(user)
		config := filepath.Join(t.TempDir(), "portrait.yaml")
		text := "data_dir: " + filepath.Join(t.TempDir(), "none") + "\nclickhouse: {dsn: '" + u.String() + "'}\n"
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for format, want := range map[string]string{
			"pretty": "order_paid      1  99.5",
			"csv":    "event,n,paid\ncart_added,1,NULL\norder_paid,1,99.5\n",
			"json":   `{"event":"order_paid","n":1,"paid":99.5}` + "\n" + `{"event":"product_viewed","n":3,"paid":null}`,
		} {
			out, _, err := runCommandLine(t, "", "sql", query, "--format", format, "--config", config)
			if err != nil {
				t.Fatalf("%s, %s: %v", user, format, err)
			}
			mustContain(t, user+", "+format, out, want)
		}
		_, _, err = runCommandLine(t, "", "sql", "TRUNCATE TABLE events", "--config", config)
		if err == nil {
			t.Errorf("%s: a table could be emptied", user)
		}
	}
}
