package tag

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portrait/schemas"
)

// The first rule of example stands in line 17.
func TestCompileErrors(t *testing.T) {
	const names = "known are identifiers, days() and the features city, days_7, first_paid, gift, orders, paid, seen, since_paid, views"
	const only = "may only be compared (< <= > >=) with a constant"
	const types = "the deployment has customer_id, unionid, phone, external_userid, openid, email, device_id, anonymous_id"
	tests := []struct{ name, tags, want string }{
		{"unknown name", `  t: {when: "orders > 0 && ordrs > 1"}`,
			`line 17, column 28: tag t: unknown name "ordrs" (column 15 of the rule); ` + names},
		{"unknown function", `  t: {when: now() > 1}`,
			`line 17, column 16: tag t: unknown name "now" (column 4 of the rule); ` + names},
		{"syntax", `  t: {when: "orders > "}`,
			"line 17, column 23: tag t: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER} (column 10 of the rule); mend the expression there; rules are CEL, for example orders > 1 && paid >= 99.5"},
		{"types", `  t: {when: 'city > 1'}`,
			"line 17, column 19: tag t: found no matching overload for '_>_' applied to '(string, int)' (column 6 of the rule); both sides must be of one type: counts are int (1), amounts double (1.0), recencies duration"},
		{"recency and a number", `  t: {when: since_paid > 30}`,
			"line 17, column 24: tag t: found no matching overload for '_>_' applied to '(duration, int)' (column 12 of the rule); compare a recency with days(30) or duration('30m')"},
		{"not bool", `  t: {when: orders + 1}`,
			"line 17, column 13: tag t: the rule gives int, not bool (column 1 of the rule); compare it with something"},
		{"dyn", `  t: {when: dyn(gift)}`,
			"line 17, column 13: tag t: the rule gives dyn, not bool (column 1 of the rule); compare it with something"},
		{"in a case", "  t:\n    enum: [a, b]\n    cases:\n      - {value: a, when: gift}\n      - value: b\n        when: gift && x",
			`line 22, column 23: tag t: unknown name "x" (column 9 of the rule); ` + names},
		{"in a block", "  t:\n    when: |\n      gift ||\n        x", `line 20, column 9: tag t: unknown name "x" (line 2, column 3 of the rule); ` + names},
		{"bad duration", `  t: {when: "since_paid > duration('30 days')"}`,
			"line 17, column 36: tag t: invalid duration argument (column 23 of the rule); write days(90) for days; duration() has h, m and s: duration('36h'), duration('1h30m')"},
		{"a duration in days", `  t: {when: "since_paid > duration('90d')"}`,
			"line 17, column 36: tag t: invalid duration argument (column 23 of the rule); write days(90) for days; duration() has h, m and s: duration('36h'), duration('1h30m')"},
		{"too many days", `  t: {when: since_paid > days(200000)}`,
			"line 17, column 30: tag t: the constant: days(200000) is more than 106751 days (column 18 of the rule); write for example days(30) or duration('30m')"},
		{"bad pattern", `  t: {when: "city.matches('(')"}`,
			"line 17, column 27: tag t: invalid matches argument (column 14 of the rule); mend the expression there"},
		{"pattern not constant", `  t: {when: city.matches(city)}`,
			"line 17, column 25: tag t: matches() wants a constant pattern (column 13 of the rule); write the pattern as a text in quotes"},

		{"recency equals", `  t: {when: since_paid == days(3)}`,
			"line 17, column 13: tag t: recency since_paid " + only + " (column 1 of the rule); write for example since_paid > days(30)"},
		{"two recencies", `  t: {when: since_paid > seen}`,
			"line 17, column 13: tag t: recency since_paid " + only + " (column 1 of the rule); write for example since_paid > days(30)\n" +
				"line 17, column 26: tag t: recency seen " + only + " (column 14 of the rule); write for example seen > days(30)"},
		{"recency and a feature", `  t: {when: since_paid > days(orders)}`,
			"line 17, column 13: tag t: recency since_paid " + only + " (column 1 of the rule); write for example since_paid > days(30)"},
		{"arithmetic on a recency", `  t: {when: since_paid + days(1) > days(3)}`,
			"line 17, column 13: tag t: recency since_paid " + only + " (column 1 of the rule); write for example since_paid > days(30)"},
		{"recency in a function", `  t: {when: since_paid.getHours() > 3}`,
			"line 17, column 13: tag t: recency since_paid " + only + " (column 1 of the rule); write for example since_paid > days(30)"},
		{"recency in a list", `  t: {when: "since_paid in [days(1)]"}`,
			"line 17, column 14: tag t: recency since_paid " + only + " (column 1 of the rule); write for example since_paid > days(30)"},
		{"recency as dyn", `  t: {when: dyn(since_paid) > days(1)}`,
			"line 17, column 17: tag t: recency since_paid " + only + " (column 5 of the rule); write for example since_paid > days(30)"},
		{"recency and a loop's variable", `  t: {when: "[1, 2].exists(n, since_paid > days(n))"}`,
			"line 17, column 31: tag t: recency since_paid " + only + " (column 18 of the rule); write for example since_paid > days(30)"},

		{"loop over a map", `  t: {when: "identifiers.exists(k, k == 'phone')"}`,
			`line 17, column 14: tag t: a loop over map(string, list(string)): only lists have an order that is the same everywhere (column 1 of the rule); loop over the identifiers of one type, for example identifiers.phone`},
		{"loop over a made map", `  t: {when: "{'a': 1}.all(k, k == 'a')"}`,
			`line 17, column 14: tag t: a loop over map(string, int): only lists have an order that is the same everywhere (column 1 of the rule); loop over the identifiers of one type, for example identifiers.phone`},
		{"loop over anything", `  t: {when: "dyn(identifiers).exists(k, k == 'phone')"}`,
			`line 17, column 17: tag t: a loop over dyn: only lists have an order that is the same everywhere (column 4 of the rule); loop over the identifiers of one type, for example identifiers.phone`},
		{"a map", `  t: {when: "{'a': gift}['a']"}`,
			"line 17, column 14: tag t: a rule makes no maps and no messages (column 1 of the rule); compare values one by one, or look one up in a list [a, b]"},
		{"identifiers whole", `  t: {when: size(identifiers) > 1}`,
			`line 17, column 18: tag t: identifiers is a map, and a rule depends on no order of a map (column 6 of the rule); name a type: identifiers.phone or identifiers["phone"]`},
		{"identifiers by a variable", `  t: {when: "size(identifiers[city]) > 1"}`,
			`line 17, column 19: tag t: identifiers is a map, and a rule depends on no order of a map (column 6 of the rule); name a type: identifiers.phone or identifiers["phone"]`},
		{"unknown type", `  t: {when: size(identifiers.fax) > 1}`,
			`line 17, column 29: tag t: unknown type of identifiers "fax" (column 17 of the rule); ` + types},
		{"unknown type as an index", `  t: {when: "size(identifiers['fax']) > 1"}`,
			`line 17, column 30: tag t: unknown type of identifiers "fax" (column 17 of the rule); ` + types},
		{"has", `  t: {when: has(identifiers.phone)}`,
			"line 17, column 16: tag t: has() is true for every type of the deployment (column 4 of the rule); write size(identifiers.phone) > 0"},
		{"a hidden feature", `  t: {when: "[1].exists(orders, orders > 0)"}`,
			`line 17, column 24: tag t: the loop's variable "orders" hides another name (column 11 of the rule); choose another name`},
		{"a hidden recency", `  t: {when: "[1].exists(since_paid, since_paid > 0)"}`,
			`line 17, column 24: tag t: the loop's variable "since_paid" hides another name (column 11 of the rule); choose another name`},
		{"zone by name", `  t: {when: "first_paid.getHours('Europe/Berlin') > 8"}`,
			`line 17, column 33: tag t: getHours() takes no zone by name (column 20 of the rule); write a fixed offset, for example "+08:00"`},
		{"cost", `  t: {when: "identifiers.anonymous_id.exists(a, identifiers.anonymous_id.exists(b, identifiers.anonymous_id.exists(c, a + b == c)))"}`,
			"line 17, column 14: tag t: the rule may cost 10642853, more than 2000 (column 1 of the rule); avoid a loop inside a loop, and long texts"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := compileText(t, example+test.tags+"\n")
			if err == nil {
				t.Fatal("accepted")
			}
			if err.Error() != test.want {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
			var list schemas.CatalogErrors
			if !errors.As(err, &list) {
				t.Errorf("%T is no CatalogErrors", err)
			}
		})
	}
}

// TestCompileShipped holds the catalogues that come with the project to the default deployment.
func TestCompileShipped(t *testing.T) {
	files, err := filepath.Glob("../../schemas/catalog/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no catalogues: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if c := mustCompile(t, string(source)); len(c.Tags) == 0 {
				t.Error("no tags")
			}
		})
	}
}

func TestCompileAccepts(t *testing.T) {
	for name, rule := range map[string]string{
		"mixed numbers":         "paid >= 5000 && orders > 1.5",
		"reversed":              "days(30) < since_paid",
		"a loop over a list":    "identifiers.phone.exists(p, p.startsWith('x'))",
		"a loop in a loop":      "identifiers.phone.exists(p, identifiers.openid.exists(o, o == p))",
		"identifiers by index":  "identifiers['phone'].size() == 2",
		"a list":                "city in ['Shanghai', 'Beijing']",
		"a pattern":             "city.matches('^(上海|北京)$')",
		"a time":                "first_paid > timestamp('2026-01-01T00:00:00Z') && first_paid.getHours('+08:00') > 8",
		"a condition":           "gift ? orders > 1 : paid > 3.0",
		"a leading dot":         ".orders > 0",
		"a recency in a branch": "gift ? since_paid > days(1) : since_paid > days(2)",
		"constants computed":    "since_paid > days(7 * 4) + duration('12h')",
		"constant":              "true",
	} {
		t.Run(name, func(t *testing.T) {
			mustCompile(t, example+"  t: {when: \""+rule+"\"}\n")
		})
	}
}

func TestCompileDeployment(t *testing.T) {
	for _, test := range []struct {
		name, yaml string
		change     func(*schemas.Deployment)
		want       string
	}{
		{"unknown type", "name: a\nidentifiers:\n  fax: {max: 1}\n", nil,
			`line 3, column 3: unknown type of identifiers "fax"; the deployment has customer_id, unionid, phone, external_userid, openid, email, device_id, anonymous_id`},
		{"value with its type", "name: a\nidentifiers:\n  openid: {blocked: ['openid:o1']}\n", nil,
			`line 3, column 3: openid: a blocked value begins with "openid:"; write the value without its type`},
		{"phone in clear", "name: a\nidentifiers:\n  phone: {blocked: ['+86 138-0000-0000']}\n", nil,
			"line 3, column 3: phone: a blocked value is in clear, and never met; write what `portrait hash phone:…` prints, without the type"},
		{"email in clear", "name: a\nidentifiers:\n  email: {blocked: [test@example.com]}\n", nil,
			"line 3, column 3: email: a blocked value is in clear, and never met; write what `portrait hash email:…` prints, without the type"},
		{"feature", "name: a\nfeatures:\n  f: {kind: count, event: e, window: 7919s}\n", nil,
			`line 3, column 3: feature "f": window: no usual bucket divides 7919000 ms; set bucket`},
		{"time zone", "name: a\n", func(d *schemas.Deployment) { d.TimeZone = "Mars/Olympus" },
			`catalogue a: time zone "Mars/Olympus" is not known; use an IANA name, for example Asia/Shanghai or UTC`},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec, err := schemas.ParseCatalog([]byte(test.yaml))
			if err != nil {
				t.Fatal(err)
			}
			dep := schemas.DefaultDeployment()
			if test.change != nil {
				test.change(&dep)
			}
			if _, err = Compile(spec, 1, &dep); err == nil || err.Error() != test.want {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
		})
	}
}

func TestCompileBound(t *testing.T) {
	const yaml = `name: a
features:
  big:   {kind: distinct, event: e, property: p, limit: 400}
  small: {kind: count, event: e}
`
	compile := func(yaml string, limit int) error {
		spec, err := schemas.ParseCatalog([]byte(yaml))
		if err != nil {
			t.Fatal(err)
		}
		dep := schemas.DefaultDeployment()
		dep.ProfileLimit = limit
		_, err = Compile(spec, 1, &dep)
		return err
	}
	c := mustCompile(t, yaml)
	total := c.bound
	if err := compile(yaml, total); err != nil {
		t.Errorf("a catalogue that fits exactly is refused: %v", err)
	}
	err := compile(yaml, total-1)
	if err == nil || !strings.HasPrefix(err.Error(), "line 3, column 3: a profile could take ") || !strings.Contains(err.Error(), "most of the rest: big ") {
		t.Errorf("one byte too many: %v", err)
	}
	if err := compile(yaml+"identifiers: {device_id: {max: 21}}\n", total+memberBytes-1); err == nil {
		t.Error("one identifier more than the deployment allows costs nothing")
	}
}
