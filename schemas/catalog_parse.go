package schemas

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// How many of each and how long; a profile is 256 KiB, and every tag may be evaluated for every event.
const (
	maxFeatures    = 512
	maxTags        = TagsPerCatalog
	maxEnum        = 64
	maxTypeLimit   = 10_000 // of identifiers of one type per profile; tag.Compile checks the bytes
	maxNameBytes   = 64
	maxEventBytes  = 200 // of event and property names
	maxValueBytes  = 256 // of enum values, constants in conditions and blocked values
	maxProseBytes  = 2000
	maxRuleBytes   = 4000
	maxWindowDays  = 400 // as profile/feature bounds it
	maxWindowRings = 128 // buckets of a window
	maxDays        = 400
	maxDistinct    = 10_000
)

var (
	catalogName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	plainName   = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// reservedNames cannot name a feature: rules are CEL, where these mean something already.
var reservedNames = strings.Fields(`
	as bool break bytes const continue days double duration dyn else false for function google has
	identifiers if import in int let list loop map matches namespace now null null_type optional_type
	package return size string timestamp true type uint var void while`)

// ParseCatalog reads a catalogue strictly: unknown keys, keys written twice, wrong types, names that
// do not exist and settings that a feature's kind does not have are errors. What the rules say is
// checked by profile/tag, which compiles them.
//
// The error is CatalogErrors: one line each, "line L, column C: what; remedy". Equal bytes give equal
// catalogues. The effort is bounded by limits on the text (1 MB, 5000 lines, 30,000 words and signs).
func ParseCatalog(source []byte) (*Catalog, error) {
	r := &catalogReader{}
	c := &Catalog{}
	if root := r.parseTree(source); root != nil {
		r.catalog(root, c)
	}
	if err := r.errs.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

func (r *catalogReader) catalog(root ast.Node, c *Catalog) {
	var features ast.Node
	for _, e := range r.mapping(root, "the catalogue", "name", "identifiers", "aliases", "features", "tags") {
		switch e.name {
		case "name":
			c.Name = r.text(e.value, "name", maxNameBytes)
			if c.Name != "" && !catalogName.MatchString(c.Name) {
				r.fail(e.value, "use a-z, 0-9 and -, for example private-domain", "%q is no name of a catalogue", c.Name)
			}
		case "identifiers":
			r.identifiers(e.value, c)
		case "aliases":
			r.aliases(e.value, c)
		case "features":
			features = e.value
		case "tags":
			r.tags(e.value, c)
		}
	}
	if c.Name == "" && len(r.errs) == 0 {
		r.fail(root, "add name: with a-z, 0-9 and -", "the catalogue has no name")
	}
	if features != nil { // behind the aliases, which they must not name
		r.features(features, c)
	}
}

// named checks the name of a feature or tag.
func (r *catalogReader) named(e entry, what string) {
	if len(e.name) > maxNameBytes || !plainName.MatchString(e.name) {
		r.errs.Add(e.at, "use a-z, 0-9 and _, a letter first, at most 64", "%q is no name of a %s", clip(e.name), what)
	}
}

func (r *catalogReader) identifiers(n ast.Node, c *Catalog) {
	for _, e := range r.mapping(n, "identifiers") {
		rule := IdentifierRule{Type: e.name, At: e.at}
		if !plainName.MatchString(e.name) {
			r.errs.Add(e.at, "name the base type, without a scope, for example openid", "%q is no type of identifiers", clip(e.name))
		}
		for _, f := range r.mapping(e.value, "identifiers "+e.name, "max", "blocked") {
			switch f.name {
			case "max":
				rule.Max = r.integer(f.value, "max", 1, maxTypeLimit)
			case "blocked":
				rule.Blocked = r.texts(f.value, "blocked", maxValueBytes)
				slices.Sort(rule.Blocked)
			}
		}
		c.Identifiers = append(c.Identifiers, rule)
	}
	slices.SortFunc(c.Identifiers, func(a, b IdentifierRule) int { return cmp.Compare(a.Type, b.Type) })
}

func (r *catalogReader) aliases(n ast.Node, c *Catalog) {
	list := r.mapping(n, "aliases")
	c.Aliases = make(map[string]string, len(list))
	for _, e := range list {
		if e.name == "" || len(e.name) > maxEventBytes {
			r.errs.Add(e.at, "1 to 200 bytes", "an alias of %d bytes", len(e.name))
		}
		c.Aliases[e.name] = r.text(e.value, "alias "+clip(e.name), maxEventBytes)
	}
	for _, e := range list {
		if next, chain := c.Aliases[c.Aliases[e.name]]; chain {
			r.fail(e.value, "name the canonical event directly", "alias %q leads to %q, which is an alias of %q",
				clip(e.name), clip(c.Aliases[e.name]), clip(next))
		}
	}
}
