package normalize

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// Version is the normalisation version that this code implements (doc.go says when it rises).
const Version = 1

// Repair is a rule by which an event was changed.
type Repair uint8

// The repairs; their texts are a stable public contract (metrics, README).
const (
	JunkIdentifier    Repair = iota // a value that many people share: not used
	InvalidPhone                    // not a phone number: not used
	InvalidEmail                    // not an email address: not used
	IdentifierTooLong               // longer than MaxIdentifierBytes: not used
	UnknownType                     // type or scope not of the deployment: kept, hashed, as a property
	NumRepairs
)

// String returns the rule's name: junk_identifier, ….
func (r Repair) String() string {
	return [...]string{"junk_identifier", "invalid_phone", "invalid_email", "identifier_too_long", "unknown_identifier_type"}[r]
}

// Repairs counts repairs by rule.
type Repairs [NumRepairs]int

// Add adds other's counts.
func (r *Repairs) Add(other *Repairs) {
	for i, n := range other {
		r[i] += n
	}
}

// String lists what happened, " (junk_identifier 2, invalid_phone 1)", or "" if nothing did.
func (r *Repairs) String() string {
	var list []string
	for i, n := range r {
		if n > 0 {
			list = append(list, Repair(i).String()+" "+strconv.Itoa(n))
		}
	}
	if list == nil {
		return ""
	}
	return " (" + strings.Join(list, ", ") + ")"
}

// MaxIdentifierBytes bounds a normalised value: it is a key in the state, in ClickHouse and in every
// message, and no platform's id is longer.
const MaxIdentifierBytes = 256

// Normalizer normalises events for one deployment. It keeps buffers and caches: one per goroutine.
type Normalizer struct {
	keyID     string
	types     map[string]identifierType
	sensitive []sensitiveName
	filter    nameFilter // of sensitive
	phones    *phoneParser
	mac       hash.Hash
	buf       []byte
	sum       []byte
	json      jsonHider
	found     []found // identifiers of the event at hand
	order     []int32 // of the properties of the event at hand, by key
	memory    wire.Memory
}

type identifierType struct {
	priority  int
	class     class
	sensitive bool
}

// class is how a value becomes canonical.
type class uint8

const (
	classText class = iota
	classPhone
	classEmail
)

type found struct {
	priority  int
	canonical string
}

// New returns a normaliser. It fails if the deployment was made with another key or another
// normalisation version.
func New(dep *schemas.Deployment, keys Keys) (*Normalizer, error) {
	if dep.Normalization != Version {
		return nil, fmt.Errorf("normalisation: the deployment has version %d, this binary %d; "+
			"run a binary of version %d, or drain all routers and raise the deployment's version", dep.Normalization, Version, dep.Normalization)
	}
	if err := keys.Verify(dep.KeyID, dep.KeyCheck); err != nil {
		return nil, err
	}
	phones, err := newPhoneParser(dep.PhoneRegion)
	if err != nil {
		return nil, err
	}
	n := &Normalizer{
		keyID: keys.id, types: make(map[string]identifierType), phones: phones,
		mac: hmac.New(sha256.New, keys.identifiers[:]),
	}
	for i, t := range dep.Identifiers {
		n.types[t.Name] = identifierType{priority: i, class: classOfType(t.Name), sensitive: t.Sensitive}
		if t.Sensitive {
			n.sensitive = append(n.sensitive, newSensitiveName(t.Name))
		}
	}
	for _, name := range dep.SensitiveProps {
		n.sensitive = append(n.sensitive, newSensitiveName(name))
	}
	n.json.n = n
	n.filter = newNameFilter(n.sensitive)
	return n, nil
}

func classOfType(name string) class {
	switch name {
	case "phone":
		return classPhone
	case "email":
		return classEmail
	}
	return classText
}

// Event fills out's ID, Name, Channel, Identifiers and Props from raw, and counts repairs. Afterwards
// out holds no value of a sensitive type or property in clear; out.Identifiers is empty if none is usable. Out's lists
// and texts are valid until Reset.
func (n *Normalizer) Event(raw *schemas.RawEvent, out *wire.Event, repairs *Repairs) {
	out.ID, out.Name, out.Channel = raw.ID, raw.Name, raw.Channel
	out.Props = n.memory.Props(len(raw.Props))
	n.sortProps(raw.Props)
	for _, i := range n.order {
		out.Props = append(out.Props, n.property(&raw.Props[i]))
	}
	n.found = n.found[:0]
	for i, id := range raw.Identifiers {
		canonical, priority, repair, ok := n.identifier(id.Type, id.Value)
		switch {
		case ok:
			n.found = append(n.found, found{priority, canonical})
		case repair == UnknownType:
			repairs[repair]++
			if i == 0 || raw.Identifiers[i-1].Type != id.Type { // values of a type stand together
				out.Props = append(out.Props, n.unknown(raw, i))
			}
		default:
			repairs[repair]++
		}
	}
	if len(out.Props) > len(raw.Props) { // unknown types are behind the others
		slices.SortFunc(out.Props, func(a, b wire.Prop) int { return strings.Compare(a.Key, b.Key) })
	}
	slices.SortFunc(n.found, func(a, b found) int {
		if a.priority != b.priority {
			return a.priority - b.priority
		}
		return strings.Compare(a.canonical, b.canonical)
	})
	n.found = slices.Compact(n.found)
	out.Identifiers = n.memory.Texts(len(n.found))
	for i := range n.found {
		out.Identifiers = append(out.Identifiers, n.found[i].canonical)
	}
}

// Reset says that no event filled in before is used any more, so that its memory is used again.
func (n *Normalizer) Reset() { n.memory.Reset() }

// sortProps brings n.order into the order of keys. The properties themselves, of five words each, stay where
// they are: moving those took a tenth of a router's time.
func (n *Normalizer) sortProps(list []schemas.RawProp) {
	n.order = n.order[:0]
	for i := range list {
		n.order = append(n.order, int32(i))
	}
	slices.SortFunc(n.order, func(a, b int32) int { return strings.Compare(list[a].Key, list[b].Key) })
}
