package main

import (
	"errors"
	"os"
	"testing"
)

// FuzzConfig: any text is a configuration or is refused with a reason, and never with a password in it.
func FuzzConfig(f *testing.F) {
	text, err := os.ReadFile("../../deploy/portrait.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, s := range []string{"", "a", "data_dir: /d\nhttp: x\n", "kafka: {brokers: [a:1, b:2], sasl: {mechanism: PLAIN, user: u, password: p}}", "kafka:\n- 1\n",
		"clickhouse: {dsn: 'clickhouse://u:p@h:1/d'}", "cache_mb: 9223372036854775808", "? a\n: b\n", "&a [*a]", "deployment: {sensitive_properties: [1, [2]]}", "--- \n---\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, places, err := parseConfig(text)
		if err != nil {
			var one *configError
			var all configErrors
			if !errors.As(err, &one) && !errors.As(err, &all) || err.Error() == "" {
				t.Fatalf("refused without a place: %v", err)
			}
			return
		}
		if _, err := c.complete(func(string) string { return "" }); err != nil {
			if places.locate(err).Error() == "" {
				t.Fatal("refused without a reason")
			}
		}
	})
}
