package tag

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"

	"portrait/profile/feature"
	"portrait/profile/identity"
	"portrait/schemas"
)

// What a profile takes besides its features and identity.Bytes: each member, as itself and as a profile
// that was absorbed (identifiers have 256 bytes and a type); each event id it remembers; each tag.
const (
	memberBytes = 560
	recentBytes = 20
	tagBytes    = 2*64 + 4
)

// compiler carries what all parts of one Compile share.
type compiler struct {
	spec  *schemas.Catalog
	dep   *schemas.Deployment
	out   *Catalog
	env   *cel.Env
	index map[string]int // feature by name
	cuts  [][]int64      // by feature, unsorted
	errs  schemas.CatalogErrors
}

// Compile checks a catalogue against a deployment and makes it ready to evaluate. The error is
// schemas.CatalogErrors, each with the line and column in the YAML and a remedy, or one about the
// deployment's time zone. Equal arguments give equal catalogues.
func Compile(c *schemas.Catalog, version int64, dep *schemas.Deployment) (*Catalog, error) {
	k := &compiler{spec: c, dep: dep, index: make(map[string]int), out: &Catalog{
		Name: c.Name, Version: version, aliases: maps.Clone(c.Aliases),
	}}
	zone, err := feature.LoadZone(dep.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("catalogue %s: %w", c.Name, err)
	}
	k.identifiers()
	k.features(zone)
	if err := k.errs.Err(); err != nil {
		return nil, err // rules over features that do not exist would only repeat it
	}
	k.bound()
	if k.env, err = newEnv(k.out.Features); err != nil {
		return nil, fmt.Errorf("catalogue %s: %w", c.Name, err)
	}
	for i := range c.Tags {
		k.out.Tags = append(k.out.Tags, k.tag(&c.Tags[i]))
	}
	if err := k.errs.Err(); err != nil {
		return nil, err
	}
	k.out.index(c, k.cuts)
	return k.out, nil
}

// identifiers lays the catalogue's rules over the deployment's types.
func (k *compiler) identifiers() {
	k.out.limits = make(map[string]int, len(k.dep.Identifiers))
	k.out.blocked = make(map[string]map[string]struct{})
	for _, t := range k.dep.Identifiers {
		k.out.limits[t.Name] = t.Max
	}
	for _, rule := range k.spec.Identifiers {
		priority := k.dep.Priority(rule.Type)
		if priority < 0 {
			k.errs.Add(rule.At, "the deployment has "+strings.Join(k.types(), ", "), "unknown type of identifiers %q", rule.Type)
			continue
		}
		if rule.Max > 0 {
			k.out.limits[rule.Type] = rule.Max
		}
		values := make(map[string]struct{}, len(rule.Blocked))
		for _, value := range rule.Blocked {
			if strings.HasPrefix(value, rule.Type+":") {
				k.errs.Add(rule.At, "write the value without its type", "%s: a blocked value begins with %q", rule.Type, rule.Type+":")
			}
			if k.dep.Identifiers[priority].Sensitive && inClear(value) {
				// The value itself is not repeated: messages end in logs.
				k.errs.Add(rule.At, "write what `portrait hash "+rule.Type+":…` prints, without the type",
					"%s: a blocked value is in clear, and never met", rule.Type)
			}
			values[value] = struct{}{}
		}
		if len(values) > 0 {
			k.out.blocked[rule.Type] = values
		}
	}
}

// inClear reports whether a value of a sensitive type looks like a phone number or an address, not like
// a keyed hash.
func inClear(value string) bool {
	return strings.Contains(value, "@") || strings.Trim(value, "+0123456789 ()-.") == ""
}

// types lists the deployment's identifier types in order of priority.
func (k *compiler) types() []string {
	list := make([]string, len(k.dep.Identifiers))
	for i, t := range k.dep.Identifiers {
		list[i] = t.Name
	}
	return list
}

func (k *compiler) features(zone *feature.Zone) {
	for i := range k.spec.Features {
		spec := &k.spec.Features[i]
		f, err := feature.New(*spec, zone)
		if err != nil {
			what, remedy, _ := strings.Cut(err.Error(), "; ")
			k.errs.Add(spec.At, remedy, "%s", what)
			continue
		}
		k.index[spec.Name] = i
		k.out.Features = append(k.out.Features, f)
	}
	k.cuts = make([][]int64, len(k.out.Features))
}

// bound refuses a catalogue under which a profile could outgrow the deployment's limit.
func (k *compiler) bound() {
	total := identity.Bytes + k.dep.DedupeIDs*recentBytes + len(k.out.Tags)*tagBytes
	for _, t := range k.dep.Identifiers {
		total += k.out.limits[t.Name] * memberBytes
	}
	fixed := total
	largest := make([]int, len(k.out.Features))
	for i, f := range k.out.Features {
		largest[i] = i
		total += f.Bound()
	}
	k.out.bound = total
	if total <= k.dep.ProfileLimit {
		return
	}
	slices.SortStableFunc(largest, func(a, b int) int {
		return cmp.Compare(k.out.Features[b].Bound(), k.out.Features[a].Bound())
	})
	var names []string
	at := schemas.Place{Line: 1, Column: 1}
	for n, i := range largest[:min(len(largest), 3)] {
		if n == 0 {
			at = k.spec.Features[i].At
		}
		names = append(names, fmt.Sprintf("%s %d", k.out.Features[i].Name, k.out.Features[i].Bound()))
	}
	k.errs.Add(at, "shorten windows, widen buckets, lower limits, or drop features",
		"a profile could take %d bytes (identity %d, most of the rest: %s), the deployment allows %d",
		total, fixed, strings.Join(names, ", "), k.dep.ProfileLimit)
}
