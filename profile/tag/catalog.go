package tag

import (
	"slices"
	"strconv"
	"strings"

	"portrait/profile/feature"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// Catalog is a compiled catalogue of one deployment. Indexes of features and tags are positions in
// Features and Tags, which are sorted by name.
type Catalog struct {
	Name     string
	Version  int64
	Features []*feature.Feature
	Tags     []*Tag

	aliases map[string]string
	byEvent map[string]*selection // of the features that name the event, and those of every event
	always  *selection            // of the features of every event

	readers           [][]int // by feature: tags, ascending
	identifierReaders []int
	timed             []int
	cuts              [][]int64 // by feature: ms, ascending, each once

	bound   int                            // bytes
	limits  map[string]int                 // by base type
	blocked map[string]map[string]struct{} // by base type: values
}

// Label returns name@version, as tag changes carry it.
func (c *Catalog) Label() string { return c.Name + "@" + strconv.FormatInt(c.Version, 10) }

// Canonical returns the name under which features know an event: what it is an alias of, or itself.
func (c *Catalog) Canonical(event string) string {
	if canonical, ok := c.aliases[event]; ok {
		return canonical
	}
	return event
}

// FeaturesFor returns the features that an event may touch, ascending; its name must be canonical. All that
// match are among them, and others: ask Feature.Holds. The result must not be changed.
func (c *Catalog) FeaturesFor(ev *wire.Event) []int {
	if s, ok := c.byEvent[ev.Name]; ok {
		return s.of(ev)
	}
	return c.always.of(ev)
}

// Readers returns the tags that read a feature, ascending. The result must not be changed.
func (c *Catalog) Readers(feature int) []int { return c.readers[feature] }

// IdentifierReaders returns the tags that read identifiers, ascending. The result must not be changed.
func (c *Catalog) IdentifierReaders() []int { return c.identifierReaders }

// Timed returns the features that some tag reads and whose value, or whose comparison with a cut, can
// change without an event; ascending. The result must not be changed.
func (c *Catalog) Timed() []int { return c.timed }

// Cuts returns the values of a continuous feature, in ms, from which on some rule's comparison says something else than
// below: d, rounded up, for >= and <, the next millisecond above it for > and <=. Ascending, each once; nil for every other feature. The
// result must not be changed.
func (c *Catalog) Cuts(feature int) []int64 { return c.cuts[feature] }

// Limit returns how many identifiers of a base type a profile may hold; 0 for a type that the
// deployment does not have.
func (c *Catalog) Limit(baseType string) int { return c.limits[baseType] }

// Bound returns the most bytes that a profile can take under this catalogue; Compile checked it against
// the deployment's limit.
func (c *Catalog) Bound() int { return c.bound }

// Blocked reports whether the catalogue blocks a canonical identifier. A blocked value is blocked in
// every scope of its type.
func (c *Catalog) Blocked(canonical string) bool {
	values := c.blocked[schemas.BaseType(canonical)]
	if len(values) == 0 {
		return false
	}
	_, value, _ := strings.Cut(canonical, ":")
	_, found := values[value]
	return found
}

// index builds what follows from the specification and the compiled tags.
func (c *Catalog) index(spec *schemas.Catalog, cuts [][]int64) {
	var always []int
	named := map[string][]int{}
	for i := range spec.Features {
		if spec.Features[i].Events == nil {
			always = append(always, i)
		}
		for _, event := range spec.Features[i].Events {
			named[event] = append(named[event], i)
		}
	}
	c.always, c.byEvent = newSelection(c.Features, always), make(map[string]*selection, len(named))
	for event, list := range named { // each list by itself: the order of the map does not show
		list = append(list, always...)
		slices.Sort(list)
		c.byEvent[event] = newSelection(c.Features, slices.Compact(list))
	}
	c.readers = make([][]int, len(c.Features))
	for i, t := range c.Tags {
		for _, f := range t.Reads {
			c.readers[f] = append(c.readers[f], i)
		}
		if t.Identifiers {
			c.identifierReaders = append(c.identifierReaders, i)
		}
	}
	for i := range spec.Features {
		moves := spec.Features[i].Window > 0 || spec.Features[i].Days > 0 || c.Features[i].Continuous()
		if moves && len(c.readers[i]) > 0 {
			c.timed = append(c.timed, i)
		}
	}
	c.cuts = cuts
	for i := range c.cuts {
		slices.Sort(c.cuts[i])
		c.cuts[i] = slices.Compact(c.cuts[i])
	}
}
