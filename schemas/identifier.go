package schemas

import (
	"fmt"
	"strings"
)

// Identifier is a typed value that names a person or a device. Type may carry a scope behind "@"
// ("openid@wxapp1"): the scope belongs to the identifier, priority and limits to the base type.
type Identifier struct {
	Type  string // "phone", "openid@wxapp1"
	Value string // normalised; for sensitive types a keyed hash
}

// String returns the canonical form "type[@scope]:value", which is the node's key everywhere:
// in the inbox, in the state and in ClickHouse.
func (i Identifier) String() string { return i.Type + ":" + i.Value }

// BaseType returns the type of a canonical identifier without its scope: "openid@wxapp1:o1" is of
// type "openid". A string without a colon is taken as a type.
func BaseType(canonical string) string {
	for k := 0; k < len(canonical); k++ { // a type has a dozen bytes: strings.IndexAny takes three times as long
		if canonical[k] == '@' || canonical[k] == ':' {
			return canonical[:k]
		}
	}
	return canonical
}

// ParseIdentifier splits a canonical identifier. It fails if there is no type or no value.
func ParseIdentifier(canonical string) (Identifier, error) {
	t, v, ok := strings.Cut(canonical, ":")
	if !ok || t == "" || v == "" {
		return Identifier{}, fmt.Errorf("identifier %q: want type:value, for example device_id:a1", canonical)
	}
	return Identifier{Type: t, Value: v}, nil
}

// IdentifierType is one row of the deployment record's list, which is in order of priority: the
// first type present in an event is its anchor. New types may be appended at the end only.
type IdentifierType struct {
	Name      string `json:"name"`
	Max       int    `json:"max"`                 // default of the most per profile; the catalogue may change it
	Weak      bool   `json:"weak,omitempty"`      // an edge through it never joins two profiles that both hold a strong one
	Sensitive bool   `json:"sensitive,omitempty"` // stored as a keyed hash only
}

// DefaultIdentifierTypes returns the types shipped, in order of priority.
func DefaultIdentifierTypes() []IdentifierType {
	return []IdentifierType{
		{Name: "customer_id", Max: 1},
		{Name: "unionid", Max: 1},
		{Name: "phone", Max: 3, Sensitive: true},
		{Name: "external_userid", Max: 5},
		{Name: "openid", Max: 10},
		{Name: "email", Max: 5, Sensitive: true},
		{Name: "device_id", Max: 20, Weak: true},
		{Name: "anonymous_id", Max: 50, Weak: true},
	}
}
