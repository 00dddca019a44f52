package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		args []string
		want string // in the answer
		err  []string
	}{
		"a configuration":        {text: "prefix: shop\nhttp: 127.0.0.1:0\n", want: "configuration: topics shop.* on the embedded broker"},
		"a catalogue":            {text: shopCatalog, want: "catalogue shop: 1 features, 2 tags, a profile takes at most"},
		"a mapping":              {text: "event: {column: a}\nidentifiers:\n  - {type: device_id, column: b}\ntime: {column: c, layout: rfc3339}\n", want: "mapping: 3 columns"},
		"a password to come":     {text: "kafka: {brokers: ['a:1'], sasl: {mechanism: plain, user: u}}\n", want: "configuration: topics portrait.* on a:1 (plain) with the password that PORTRAIT_KAFKA_PASSWORD will hold,"},
		"a password in the file": {text: "kafka: {brokers: ['a:1'], sasl: {mechanism: plain, user: u, password: p}}\n", want: "configuration: topics portrait.* on a:1 (plain), facts"},
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
	out, _, err := runCommandLine(t, "", "check", config)
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

// TestShippedFiles: what is shipped for people to begin with is all right.
func TestShippedFiles(t *testing.T) {
	for _, file := range []string{"deploy/portrait.example.yaml", "schemas/catalog/private-domain.yaml", "schemas/catalog/demo.yaml",
		"schemas/catalog/online-retail.yaml", "bench/retail/online-retail.mapping.yaml"} {
		if _, _, err := runCommandLine(t, "", "check", filepath.Join("..", "..", filepath.FromSlash(file))); err != nil {
			t.Error(err)
		}
	}
}
