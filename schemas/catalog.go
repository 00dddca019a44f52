package schemas

// Catalog is one version of the features and tags that a deployment computes: data, written in YAML,
// read by ParseCatalog. Lists are sorted by name, so that a feature's index and a tag's index mean
// the same to everybody who read the same bytes.
type Catalog struct {
	Name        string
	Identifiers []IdentifierRule  // sorted by Type
	Aliases     map[string]string // event name as sent -> canonical name; a canonical name is never an alias
	Features    []FeatureSpec     // sorted by Name
	Tags        []TagSpec         // sorted by Name
}

// Place is where something stands in the catalogue's YAML, both counted from 1; zero if unknown. It
// serves messages only and is part of no definition.
type Place struct{ Line, Column int }

// IdentifierRule changes what the deployment record says about a base type.
type IdentifierRule struct {
	Type    string
	Max     int      // most per profile; 0: what the deployment says
	Blocked []string // values as they are stored (normalised; hashed if sensitive), sorted, each once
	At      Place
}

// FeatureSpec defines one feature. Which fields are used depends on Kind.
type FeatureSpec struct {
	Name, Description string
	Kind              string      // count | sum | min | max | distinct | recency | first | last
	Events            []string    // canonical event names, sorted, each once; nil: all
	Where             []Condition // all must hold; sorted by Property, Op
	Property          string      // "" if the kind needs none; "@day": the calendar day of the event's time
	Type              string      // of first and last with a property: string | number | bool
	Window            int64       // ms; 0: total
	Bucket            int64       // ms; 0: derived from Window
	Days              int         // last calendar days, today included; 0: not by days
	Limit             int         // most values of a distinct; 0: the kind's default
	At                Place
}

// Condition is one comparison of an event's property. Ops: eq, ne, in, gt, gte, lt, lte, prefix (one
// value, in: one or more, sorted) and exists (one bool).
type Condition struct {
	Property, Op string
	Values       []any // string | Decimal | bool
}

// TagSpec defines one tag: boolean (When) or enum (Enum, Cases and perhaps Default).
type TagSpec struct {
	Name, Description string
	When              string    // CEL; of a boolean tag
	Enum              []string  // values in the order written; empty: boolean
	Cases             []TagCase // first that holds wins
	Default           string    // "" without: no value
	Weight            *float64
	At                Place // of the name
	WhenAt            Place // of When's first character
}

// TagCase is one case of an enum tag.
type TagCase struct {
	Value, When string
	WhenAt      Place // of When's first character
}
