package normalize

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// unknownPrefix begins the key of a property that keeps identifiers of an unknown type.
const unknownPrefix = "$identifier."

// macText is the length of a MAC in unpadded base64url.
const macText = 43

// sensitiveName is a property name whose values are hashed. domain separates what is hashed: a phone
// number hashes to the same text under every name of class phone, and as an identifier.
type sensitiveName struct {
	name   string
	class  class
	domain string
}

func newSensitiveName(name string) sensitiveName {
	lower := strings.ToLower(name)
	s := sensitiveName{name: name, domain: lower}
	switch {
	case strings.Contains(lower, "email"):
		s.class, s.domain = classEmail, "email"
	case strings.Contains(lower, "phone"), strings.Contains(lower, "mobile"), lower == "tel":
		s.class, s.domain = classPhone, "phone"
	}
	return s
}

// sensitiveName returns the entry that matches a key, or nil. Case does not count, nor do the "$" in
// front of fields that were found outside of "properties".
func (n *Normalizer) sensitiveName(key string) *sensitiveName {
	key = strings.TrimLeft(key, "$")
	if !n.filter.passes(key) {
		return nil
	}
	for i := range n.sensitive {
		if s := &n.sensitive[i]; strings.EqualFold(s.name, key) {
			return s
		}
	}
	return nil
}

// nameFilter tells of nearly every key at a glance that no sensitive name equals it: for a byte that a key may
// begin with, the lengths of the names that do. Names that are not ASCII let every key pass.
type nameFilter struct {
	lengths [256]uint64 // bit l: length l, modulo 64
	all     bool
}

func newNameFilter(names []sensitiveName) (f nameFilter) {
	for i := range names {
		name := names[i].name
		if name == "" || !isASCII(name) {
			f.all = true
			continue
		}
		bit := uint64(1) << (len(name) & 63)
		f.lengths[strings.ToLower(name)[0]] |= bit
		f.lengths[strings.ToUpper(name)[0]] |= bit
	}
	return f
}

// passes says false only if no name equals the key, whatever the case. Letters beyond ASCII have cases within it.
func (f *nameFilter) passes(key string) bool {
	return f.all || key != "" && f.lengths[key[0]]>>(len(key)&63)&1 != 0 || !isASCII(key)
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// hash returns "<key id>.<MAC of domain:value>".
func (n *Normalizer) hash(domain, value string) string {
	n.buf = append(append(append(n.buf[:0], domain...), ':'), value...)
	n.mac.Reset()
	n.mac.Write(n.buf)
	n.sum = n.mac.Sum(n.sum[:0])
	n.buf = append(append(n.buf[:0], n.keyID...), '.')
	n.buf = base64.RawURLEncoding.AppendEncode(n.buf, n.sum)
	return n.memory.Join(unsafe.String(unsafe.SliceData(n.buf), len(n.buf)))
}

// isHashed says whether a producer has hashed the value itself, with the deployment's key.
func (n *Normalizer) isHashed(value string) bool {
	mac, ok := strings.CutPrefix(value, n.keyID)
	if !ok || len(mac) != 1+macText || mac[0] != '.' {
		return false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(mac[1:])
	return err == nil && len(raw) == 32
}

// hashText hashes the value of a sensitive property, normalised like an identifier if it can be.
func (n *Normalizer) hashText(s *sensitiveName, value string) string {
	if value == "" || n.isHashed(value) {
		return value
	}
	value = cleanText(value)
	switch s.class {
	case classPhone:
		if e164 := n.phones.parse(value); e164 != "" {
			value = e164
		}
	case classEmail:
		value = strings.ToLower(value)
	}
	return n.hash(s.domain, value)
}

// property returns a property as it may be stored: hashed if its name is sensitive, and within objects
// and arrays wherever a name is.
func (n *Normalizer) property(p *schemas.RawProp) wire.Prop {
	out := wire.Prop{Key: p.Key, Kind: wire.PropKind(p.Kind), Text: p.Text}
	s := n.sensitiveName(p.Key)
	switch {
	case s == nil:
		if p.Kind == schemas.RawJSON {
			out.Text = n.json.hide(p.Text, nil)
		}
	case p.Kind == schemas.RawString, p.Kind == schemas.RawNumber:
		out.Kind, out.Text = wire.PropString, n.hashText(s, p.Text)
	case p.Kind == schemas.RawJSON && p.Text[0] == '[':
		out.Text = n.json.hide(p.Text, s)
	case p.Kind == schemas.RawJSON:
		out.Kind, out.Text = wire.PropString, n.hashText(s, compact(p.Text))
	}
	return out
}

// unknown keeps the values of an unknown identifier type that begin at index i: hashed always, for
// nobody can know that they are not phone numbers.
func (n *Normalizer) unknown(raw *schemas.RawEvent, i int) wire.Prop {
	typ := raw.Identifiers[i].Type
	s := n.sensitiveName(schemas.BaseType(typ))
	if s == nil {
		made := newSensitiveName(schemas.BaseType(typ))
		s = &made
	}
	key := unknownPrefix + typ
	for slices.ContainsFunc(raw.Props, func(p schemas.RawProp) bool { return p.Key == key }) {
		key = "$" + key
	}
	var hashes []string
	for ; i < len(raw.Identifiers) && raw.Identifiers[i].Type == typ; i++ {
		hashes = append(hashes, n.hashText(s, raw.Identifiers[i].Value))
	}
	if len(hashes) == 1 {
		return wire.Prop{Key: key, Kind: wire.PropString, Text: hashes[0]}
	}
	return wire.Prop{Key: key, Kind: wire.PropJSON, Text: `["` + strings.Join(hashes, `","`) + `"]`}
}

func compact(text string) string {
	v := jsontext.Value(text)
	if err := v.Compact(); err != nil { // the decoder has checked it: cannot happen
		return text
	}
	return string(v)
}

// jsonHider replaces values of sensitive names within a JSON text and copies the rest as it is.
type jsonHider struct {
	n    *Normalizer
	dec  jsontext.Decoder
	in   bytes.Buffer
	raw  []byte
	text string
	out  []byte
	done int // text[:done] is in out
}

// hide returns the text with sensitive values hashed. With s set every value of the array that text
// is counts as sensitive. The text is valid JSON of bounded depth, as the event decoder checked.
func (h *jsonHider) hide(text string, s *sensitiveName) string {
	h.raw, h.text = append(h.raw[:0], text...), text
	h.in = *bytes.NewBuffer(h.raw)
	h.dec.Reset(&h.in)
	h.out, h.done = h.out[:0], 0
	h.value(s)
	if h.done == 0 {
		return text
	}
	return string(append(h.out, text[h.done:]...))
}

// value reads the next value; s is the sensitive name it stands under, or nil.
func (h *jsonHider) value(s *sensitiveName) {
	switch kind := h.dec.PeekKind(); {
	case kind == '[':
		h.list(s)
	case kind == '{' && s == nil:
		h.object()
	default:
		v, err := h.dec.ReadValue()
		if err != nil || s == nil || kind == 'n' || kind == 't' || kind == 'f' {
			return
		}
		text := string(v)
		switch kind {
		case '{':
			text = compact(text)
		case '"':
			text = unquote(v)
		}
		end := int(h.dec.InputOffset())
		h.out = append(h.out, h.text[h.done:end-len(v)]...)
		h.out = append(append(append(h.out, '"'), h.n.hashText(s, text)...), '"') // base64url needs no escapes
		h.done = end
	}
}

func (h *jsonHider) list(s *sensitiveName) {
	if _, err := h.dec.ReadToken(); err != nil {
		return
	}
	for h.dec.PeekKind() != ']' {
		if h.dec.PeekKind() == 0 { // invalid: cannot happen
			return
		}
		h.value(s)
	}
	_, _ = h.dec.ReadToken() // the bracket that PeekKind saw
}

func (h *jsonHider) object() {
	if _, err := h.dec.ReadToken(); err != nil {
		return
	}
	for h.dec.PeekKind() == '"' {
		name, err := h.dec.ReadValue()
		if err != nil {
			return
		}
		h.value(h.n.sensitiveName(unquote(name)))
	}
	_, _ = h.dec.ReadToken() // the brace that PeekKind saw
}

func unquote(v jsontext.Value) string {
	out, err := jsontext.AppendUnquote(nil, v)
	if err != nil { // the decoder has checked it: cannot happen
		return string(v)
	}
	return string(out)
}
