package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Setenv("PORTRAIT_KEY", "")
	for name, c := range map[string]struct {
		text string
		args []string
		want string // in the answer
		err  []string
	}{
		"a configuration":        {text: "prefix: shop\nhttp: 127.0.0.1:0\n", want: "configuration: topics shop.* on the embedded broker"},
		"a catalogue":            {text: shopCatalog, want: "catalogue shop: 1 features, 2 tags, a profile takes at most"},
		"a mapping":              {text: "event: {column: a}\nidentifiers:\n  - {type: device_id, column: b}\ntime: {column: c, layout: rfc3339}\n", want: "mapping: 3 columns"},
		"a password to come":     {text: "kafka: {brokers: ['a:1'], sasl: {mechanism: plain, user: u}}\n", want: "configuration: topics portrait.* on a:1 (plain) with the password that PORTRAIT_KAFKA_PASSWORD will hold with the key that PORTRAIT_KEY will hold, facts"},
		"a password in the file": {text: "kafka: {brokers: ['a:1'], sasl: {mechanism: plain, user: u, password: p}}\n", want: "configuration: topics portrait.* on a:1 (plain) with the key that PORTRAIT_KEY will hold, facts"},
		"a broken configuration": {text: "kafka:\n  brokrs: [a:1]\n", err: []string{"line 2, column 3", "brokrs", "use brokers, client_id, sasl, tls"}},
		"not YAML":               {text: "kafka: {brokers: [\nhttp: 1\n", err: []string{"line ", "column "}},
		"a broken catalogue":     {text: "name: x\nfeatures:\n  a: {kind: number}\n", err: []string{"line 3", "; "}},
		"a rule of another type": {text: "name: x\nfeatures:\n  a: {kind: count, event: e}\ntags:\n  t: {when: \"a > 'x'\"}\n", err: []string{"line 5, column"}},
		"a broken mapping":       {text: "event: {column: a}\ncolumns: 3\n", err: []string{"line 2", "; "}},
		"a mapping of nobody":    {text: "event: {column: a}\nidentifiers:\n  - {type: mobile, column: b}\ntime: {column: c}\n", err: []string{`line 3, column 6: the deployment has no identifier type "mobile"; use customer_id, unionid, phone`}},
		"a mapping with scope":   {text: "event: {column: a}\nidentifiers:\n  - {type: openid@wxapp1, column: b}\ntime: {column: c}\n", want: "mapping: 3 columns"},
		"anything else":          {text: "apiVersion: v1\nkind: Pod\n", err: []string{"--as"}},
		"as between two":         {text: "name: x\nevent: y\n", err: []string{"--as"}},
		"told what it is":        {text: "identifiers: {}\n", args: []string{"--as", "catalogue"}, err: []string{"line 1", "name"}},
		"told something odd":     {text: "name: x\n", args: []string{"--as", "poem"}, err: []string{"configuration, catalogue or mapping"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file.yaml")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, _, err := runCommandLine(t, "", append([]string{"check", file}, c.args...)...)
			if c.err != nil {
				mustFail(t, err, 1, c.err...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			mustContain(t, "answer", out, file+": "+c.want)
		})
	}
}

// TestCheckForDeployment: the deployment decides what fits, so it comes from its configuration.
func TestCheckForDeployment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "catalogue.yaml")
	if err := os.WriteFile(file, []byte(shopCatalog), 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "portrait.yaml")
	if err := os.WriteFile(config, []byte("deployment: {time_zone: Nowhere/Else}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := runCommandLine(t, "", "check", file, "--config", config)
	mustFail(t, err, 1, config, "Nowhere/Else")
}

// TestCheckNamedCatalog: a configuration is only as good as the catalogue it names.
func TestCheckNamedCatalog(t *testing.T) {
	dir := t.TempDir()
	catalog, config := filepath.Join(dir, "catalogue.yaml"), filepath.Join(dir, "portrait.yaml")
	if err := os.WriteFile(config, []byte("catalog: "+catalog+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := runCommandLine(t, "", "check", config)
	mustFail(t, err, 1, config+": line 1, column 1: open "+catalog, "--no-files")
	out, _, err := runCommandLine(t, "", "check", "--no-files", config)
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, "answer", out, "not looked at")
	for text, want := range map[string]string{shopCatalog: "catalogue shop: 1 features", "name: x\nfeatures: 3\n": ""} {
		if err := os.WriteFile(catalog, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _, err := runCommandLine(t, "", "check", config)
		if want == "" {
			mustFail(t, err, 1, catalog+": line 2")
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		mustContain(t, "answer", out, want)
	}
}

// TestCheckNamedFiles: what run would refuse to start with, check names with its place in the configuration.
func TestCheckNamedFiles(t *testing.T) {
	dir := t.TempDir()
	write := writer(t, dir)
	good, short, open := write("good", strings.Repeat("ab", 32)), write("short", "abcd"), write("open", strings.Repeat("ab", 32))
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	absent := filepath.Join(dir, "absent")
	const brokers = "prefix: a\nkafka:\n  brokers: ['a:1']\n"
	for name, c := range map[string]struct {
		text, env string
		err       []string // none: it is all right
	}{
		"a key":                     {text: brokers + "key_file: " + good},
		"no key file":               {text: brokers + "key_file: " + absent, err: []string{"line 4, column 1: ", absent + " does not exist", "--no-files"}},
		"no key file, embedded":     {text: "prefix: a\nkey_file: " + absent, err: []string{"line 2, column 1: ", absent}},
		"the key of PORTRAIT_KEY":   {text: brokers + "key_file: " + absent, env: strings.Repeat("cd", 32)},
		"a bad key of PORTRAIT_KEY": {text: brokers, env: "cd", err: []string{"key_file: PORTRAIT_KEY: key: 1 bytes"}},
		"a key that is short":       {text: brokers + "key_file: " + short, err: []string{"line 4, column 1: " + short + ": key: 2 bytes; want at least 32"}},
		"a key that others read":    {text: brokers + "key_file: " + open, err: []string{"line 4, column 1: ", "chmod 600 " + open}},
		"no authority":              {text: brokers + "  tls:\n    enabled: true\n    ca_file: " + absent + "\nkey_file: " + good, err: []string{"line 6, column 5: tls.ca_file: open " + absent}},
		"an authority that is none": {text: brokers + "  tls:\n    enabled: true\n    ca_file: " + good + "\nkey_file: " + good, err: []string{"line 6, column 5: tls.ca_file " + good + " holds no PEM"}},
		"no snapshot key":           {text: "snapshots:\n  dir: " + dir + "\n  key_file: " + absent, err: []string{"line 3, column 3: snapshot key: open " + absent}},
		"two of them":               {text: "catalog: " + absent + "\nkey_file: " + absent, err: []string{"line 1, column 1: ", "line 2, column 1: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PORTRAIT_KEY", c.env)
			config := filepath.Join(t.TempDir(), "portrait.yaml")
			if err := os.WriteFile(config, []byte(c.text+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := runCommandLine(t, "", "check", config)
			if c.err != nil {
				mustFail(t, err, 1, append(c.err, config)...)
				_, _, err = runCommandLine(t, "", "check", "--no-files", config)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestShippedFiles: what is shipped for people to begin with is all right.
func TestShippedFiles(t *testing.T) {
	for _, file := range []string{"deploy/portrait.example.yaml", "schemas/catalog/private-domain.yaml", "schemas/catalog/demo.yaml",
		"schemas/catalog/online-retail.yaml", "bench/retail/online-retail.mapping.yaml"} {
		if _, _, err := runCommandLine(t, "", "check", "--no-files", filepath.Join("..", "..", filepath.FromSlash(file))); err != nil {
			t.Error(err)
		}
	}
}
