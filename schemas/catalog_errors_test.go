package schemas

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestParseCatalogErrors(t *testing.T) {
	const feature = "name: a\nfeatures:\n  f: "
	const tag = "name: a\ntags:\n  t: "
	tests := []struct{ name, yaml, want string }{
		// The document.
		{"empty", "", "line 1, column 1: the catalogue is empty; begin with name: and features:"},
		{"only a comment", "# x\n", "line 1, column 1: the catalogue is empty; begin with name: and features:"},
		{"not YAML", "name: [a\n", "line 1, column 7: not YAML: sequence end token ']' not found; correct the YAML there"},
		{"a value behind a value", "name: a: b\n", "line 1, column 7: not YAML: mapping value is not allowed in this context; correct the YAML there"},
		{"a list", "- a\n", "line 1, column 1: the catalogue wants a mapping, not a list; write key: value pairs"},
		{"two documents", "name: a\n---\nname: b\n", "line 3, column 1: a second YAML document; one file holds one catalogue"},
		{"not UTF-8", "name: a\n# \xff\n", "line 2, column 1: the line is not UTF-8; save the file as UTF-8"},
		{"long line", "name: a\n# " + strings.Repeat("x", 5000), "line 2, column 1: the line has 5002 bytes, more than 4096; break the line"},
		{"many lines", strings.Repeat("\n", 6000), "line 1, column 1: the catalogue has 6001 lines, more than 5000; split it into several catalogues"},
		{"large", strings.Repeat("#\n", 600_000), "line 1, column 1: the catalogue has 1200000 bytes, more than 1000000; split it into several catalogues"},
		{"deep", "name: " + strings.Repeat("[", 40), "line 1, column 23: more than 16 open brackets; correct the YAML there"},
		{"carriage return", "name: a\n# x\ry\n", "line 2, column 1: a carriage return inside the line; remove it"},
		{"many words", "name: {\n" + strings.Repeat(strings.Repeat("a,", 1000)+"\n", 60), "line 16, column 1998: the catalogue has more than 30000 words and signs; split it into several catalogues"},
		{"anchor", "name: &x a\n", "line 1, column 7: name wants a text, not a YAML anchor or alias, which a catalogue does not use; quote it if it is meant as a text"},
		{"merge key", "name: a\n<<: {b: c}\n", "line 2, column 1: a key of the catalogue is a YAML anchor or alias, which a catalogue does not use, not a text; quote it"},
		{"YAML tag", "name: !!str a\n", "line 1, column 7: name wants a text, not a YAML tag, which a catalogue does not use; quote it if it is meant as a text"},
		{"unknown key", "name: a\nfeature: {}\n", `line 2, column 1: the catalogue: unknown key "feature"; known are name, identifiers, aliases, features, tags`},
		{"key twice", "name: a\ntags: {}\nname: b\n", `line 3, column 1: the catalogue: "name" is there twice, first in line 1, column 1; keep one of the two`},
		{"no name", "tags: {}\n", "line 1, column 1: the catalogue has no name; add name: with a-z, 0-9 and -"},
		{"wrong name", "name: A_b\n", `line 1, column 7: "A_b" is no name of a catalogue; use a-z, 0-9 and -, for example private-domain`},
		{"name a number", "name: 12\n", "line 1, column 7: name wants a text, not the number 12; quote it if it is meant as a text"},
		{"empty section", "name: a\ntags:\n", "line 2, column 7: tags wants a mapping, not nothing; write key: value pairs"},

		// Identifiers and aliases.
		{"scoped type", "name: a\nidentifiers:\n  openid@x: {max: 1}\n", `line 3, column 3: "openid@x" is no type of identifiers; name the base type, without a scope, for example openid`},
		{"max zero", "name: a\nidentifiers: {phone: {max: 0}}\n", "line 2, column 28: max is the number 0; a whole number from 1 to 10000"},
		{"max not decimal", "name: a\nidentifiers: {phone: {max: 0x10}}\n", "line 2, column 28: max is the number 0x10; a whole number from 1 to 10000"},
		{"blocked number", "name: a\nidentifiers: {phone: {blocked: [1]}}\n", "line 2, column 33: blocked wants a text, not the number 1; quote it if it is meant as a text"},
		{"blocked twice", "name: a\nidentifiers: {phone: {blocked: [a, a]}}\n", `line 2, column 36: blocked: "a" is there twice; keep one of the two`},
		{"alias chain", "name: a\naliases:\n  a: b\n  b: c\n", `line 3, column 6: alias "a" leads to "b", which is an alias of "c"; name the canonical event directly`},
		{"alias of itself", "name: a\naliases: {a: a}\n", `line 2, column 14: alias "a" leads to "a", which is an alias of "a"; name the canonical event directly`},
		{"alias twice", "name: a\naliases:\n  a: b\n  'a': c\n", `line 4, column 3: aliases: "a" is there twice, first in line 3, column 3; keep one of the two`},

		// Features.
		{"feature's name", "name: a\nfeatures: {Orders: {kind: count, event: e}}\n", `line 2, column 12: "Orders" is no name of a feature; use a-z, 0-9 and _, a letter first, at most 64`},
		{"reserved name", "name: a\nfeatures: {days: {kind: count, event: e}}\n", `line 2, column 12: "days" means something else in a rule; choose another name`},
		{"no kind", feature + "{event: e}\n", "line 3, column 3: feature f has no kind; known are " + kindNames},
		{"unknown kind", feature + "{kind: avg, event: e}\n", `line 3, column 13: feature f: unknown kind "avg"; known are ` + kindNames},
		{"no event", feature + "{kind: count}\n", `line 3, column 3: feature f names no event; write event: with a name, a list or "*"`},
		{"event a number", feature + "{kind: count, event: 5}\n", "line 3, column 27: feature f: event wants a text, not the number 5; quote it if it is meant as a text"},
		{"no events", feature + "{kind: count, event: []}\n", "line 3, column 27: feature f: event is an empty list; name at least one or remove the key"},
		{"star among names", feature + "{kind: count, event: [e, '*']}\n", `line 3, column 27: feature f: "*" stands for every event already; write "*" alone or the names alone`},
		{"event is an alias", "name: a\nfeatures: {f: {kind: count, event: Paid}}\naliases: {Paid: paid}\n", `line 2, column 36: feature f: "Paid" is an alias of "paid"; write paid`},
		{"key of another kind", feature + "{kind: recency, event: e, window: 1d}\n", "line 3, column 32: feature f: a feature of kind recency takes no window; remove it"},
		{"unknown feature key", feature + "{kind: count, event: e, windows: 1d}\n", `line 3, column 30: feature f: unknown key "windows"; known are kind, description, event, where, property, type, window, bucket, days, limit`},
		{"sum without property", feature + "{kind: sum, event: e}\n", "line 3, column 3: feature f names no property; write property: with the name of an event's property"},
		{"property of the machine", feature + "{kind: distinct, event: e, property: '@hour'}\n", `line 3, column 43: feature f: unknown property "@hour"; the only one is "@day"`},
		{"sum of days", feature + "{kind: sum, event: e, property: '@day'}\n", `line 3, column 38: feature f: a sum of "@day" means nothing; "@day" is for distinct`},
		{"type without property", feature + "{kind: last, event: e, type: string}\n", "line 3, column 35: feature f: type without property, so it is a time; remove it, or name the property"},
		{"property without type", feature + "{kind: last, event: e, property: p}\n", "line 3, column 3: feature f has a property but no type; write type: string, number or bool"},
		{"unknown type", feature + "{kind: last, event: e, property: p, type: int}\n", `line 3, column 48: feature f: unknown type "int"; known are string, number, bool`},
		{"window without unit", feature + "{kind: count, event: e, window: 30}\n", "line 3, column 38: feature f: window is the number 30; write a number and s, m, h or d, for example 30m or 90d, at most 400d"},
		{"window zero", feature + "{kind: count, event: e, window: 0d}\n", `line 3, column 38: feature f: window is "0d"; write a number and s, m, h or d, for example 30m or 90d, at most 400d`},
		{"window too long", feature + "{kind: count, event: e, window: 999999999d}\n", `line 3, column 38: feature f: window is "999999999d"; write a number and s, m, h or d, for example 30m or 90d, at most 400d`},
		{"window and days", feature + "{kind: count, event: e, window: 1d, days: 2}\n", "line 3, column 38: feature f: window slides, days are calendar days; keep one of the two"},
		{"bucket alone", feature + "{kind: count, event: e, bucket: 1d}\n", "line 3, column 38: feature f: bucket without window; add window: or remove it"},
		{"bucket does not divide", feature + "{kind: count, event: e, window: 1h, bucket: 7m}\n", "line 3, column 50: feature f: the window is not a whole number of buckets; choose one that divides the window"},
		{"too many buckets", feature + "{kind: count, event: e, window: 1d, bucket: 1m}\n", "line 3, column 50: feature f: the window has 1440 buckets; at most 128"},
		{"days zero", feature + "{kind: count, event: e, days: 0}\n", "line 3, column 36: days is the number 0; a whole number from 1 to 400"},
		{"days not whole", feature + "{kind: count, event: e, days: 1.5}\n", "line 3, column 36: days is the number 1.5; a whole number from 1 to 400"},

		// Conditions.
		{"unknown op", feature + "{kind: count, event: e, where: {p: {like: x}}}\n", `line 3, column 42: where p: unknown key "like"; known are eq, ne, in, gt, gte, lt, lte, exists, prefix`},
		{"no op", feature + "{kind: count, event: e, where: {p: {}}}\n", "line 3, column 41: where p compares with nothing; write a comparison, for example {gte: 10}"},
		{"null", feature + "{kind: count, event: e, where: {p: null}}\n", "line 3, column 41: where p: eq: nothing cannot be compared with; write a text, a number, true or false; for a missing property {exists: false}"},
		{"text where a number is", feature + "{kind: count, event: e, where: {p: {gt: x}}}\n", `line 3, column 46: where p: gt wants a number, not "x"; write a plain number, for example 10.5`},
		{"exists what", feature + "{kind: count, event: e, where: {p: {exists: yes}}}\n", `line 3, column 50: where p: exists wants a truth value, not "yes"; write true or false`},
		{"prefix of nothing", feature + "{kind: count, event: e, where: {p: {prefix: ''}}}\n", `line 3, column 50: where p: prefix wants a text, not ""; write a text of at least one character`},
		{"seven decimals", feature + "{kind: count, event: e, where: {p: 0.1234567}}\n", "line 3, column 41: where p: eq: the number 0.1234567 is no amount; write plain digits, at most 10^12 and six decimals"},
		{"infinite", feature + "{kind: count, event: e, where: {p: .inf}}\n", "line 3, column 41: where p: eq: the number .inf cannot be compared with; write a text, a number, true or false; for a missing property {exists: false}"},
		{"in what", feature + "{kind: count, event: e, where: {p: {in: x}}}\n", `line 3, column 46: where p: in wants a list, not "x"; write [a, b] or one - per line`},
		{"in nothing", feature + "{kind: count, event: e, where: {p: []}}\n", "line 3, column 41: where p: in has 0 values; 1 to 32"},
		{"in twice", feature + "{kind: count, event: e, where: {p: [1, 1.0]}}\n", "line 3, column 45: where p: in: the number 1.0 is there twice; keep one of the two"},

		// Tags.
		{"no rule", tag + "{description: x}\n", "line 3, column 3: tag t has no rule; add when:, or enum: and cases:"},
		{"empty tag", tag + "{}\n", "line 3, column 3: tag t is empty; add when:, or enum: and cases:"},
		{"empty when", tag + "{when: ''}\n", "line 3, column 13: tag t: when is empty; write at least one character or remove the key"},
		{"when a bool", tag + "{when: true}\n", "line 3, column 13: tag t: when wants a text, not the truth value true; quote it if it is meant as a text"},
		{"both sorts", tag + "{when: x, default: y}\n", "line 3, column 13: tag t is boolean and enum at once; keep when: for true or false, or enum: and cases: for values"},
		{"enum alone", tag + "{enum: [a]}\n", "line 3, column 3: tag t has an enum but no cases; add cases: with value: and when:"},
		{"cases alone", tag + "{cases: []}\n", "line 3, column 3: tag t has cases but no enum; add enum: with the values there are"},
		{"default alone", tag + "{default: a}\n", "line 3, column 16: tag t has a default but no enum; add enum: and cases:"},
		{"enum of numbers", tag + "{enum: [1], cases: [{value: a, when: x}]}\n", "line 3, column 14: enum wants a text, not the number 1; quote it if it is meant as a text"},
		{"no cases", tag + "{enum: [a], cases: []}\n", "line 3, column 25: tag t: cases is empty; write one - {value: …, when: …} per line"},
		{"case without when", tag + "{enum: [a], cases: [{value: a}]}\n", "line 3, column 26: tag t: a case has a value and a when; write {value: …, when: …}"},
		{"case without value", tag + "\n    enum: [a]\n    cases:\n      - when: x\n", "line 6, column 9: tag t: a case has a value and a when; write {value: …, when: …}"},
		{"case of another enum", tag + "{enum: [a], cases: [{value: b, when: x}]}\n", `line 3, column 34: value "b" is not in the enum of tag t; add it to enum: or mend the spelling`},
		{"default of another enum", tag + "{enum: [a], cases: [{value: a, when: x}], default: b}\n", `line 3, column 57: default "b" is not in the enum of tag t; add it to enum: or mend the spelling`},
		{"weight a text", tag + "{when: x, weight: much}\n", `line 3, column 24: weight is "much"; write a number, for example 2.5`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := ParseCatalog([]byte(test.yaml))
			if err == nil || c != nil {
				t.Fatalf("no error, or a catalogue all the same: %v", err)
			}
			if err.Error() != test.want {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
		})
	}
}

func TestParseCatalogForeignEnds(t *testing.T) {
	source, err := os.ReadFile("testdata/catalog/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := parseFile(t, "testdata/catalog/full.yaml")
	got, err := ParseCatalog([]byte("\ufeff" + strings.ReplaceAll(string(source), "\n", "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("a byte order mark and CRLF change the catalogue")
	}
}

func TestParseCatalogTellsAll(t *testing.T) {
	_, err := ParseCatalog([]byte("tags: {t: {weight: x, when: 1}}\nname: A\nfeatures: {f: {kind: x}}\n"))
	var list CatalogErrors
	if !errors.As(err, &list) {
		t.Fatalf("%T is no CatalogErrors", err)
	}
	var places []Place
	for _, one := range list {
		places = append(places, one.At)
	}
	want := []Place{{1, 20}, {1, 29}, {2, 7}, {3, 22}}
	if len(places) != len(want) {
		t.Fatalf("got %v, want errors at %v", err, want)
	}
	for i := range want {
		if places[i] != want[i] {
			t.Errorf("error %d is at %v, want %v", i, places[i], want[i])
		}
	}
	var one *CatalogError
	if !errors.As(err, &one) || one != list[0] {
		t.Errorf("errors.As gives %v, want the first", one)
	}

	_, err = ParseCatalog([]byte("name: a\nfeatures: {" + strings.Repeat("f: {}, ", 100) + "}\n"))
	if !errors.As(err, &list) || len(list) != MaxCatalogErrors {
		t.Errorf("%d errors, want the first %d", len(list), MaxCatalogErrors)
	}
}
