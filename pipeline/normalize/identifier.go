package normalize

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"portrait/schemas"
)

// Hash returns the canonical form of an identifier, as events that carry it get it: Hash of
// "phone:139 0000 1234" is "phone:<key id>.<MAC>", that of "device_id:a1" is itself. A sensitive
// property's name works too ("address:…"), so that a CRM can join on any hashed column.
func (n *Normalizer) Hash(identifier string) (string, error) {
	id, err := schemas.ParseIdentifier(identifier)
	if err != nil {
		return "", fmt.Errorf("hash: want type:value, for example phone:+8613900001234")
	}
	if canonical, _, repair, ok := n.identifier(id.Type, id.Value); ok {
		return canonical, nil
	} else if repair != UnknownType {
		return "", fmt.Errorf("hash: the value is not usable: %s", repair)
	}
	if s := n.sensitiveName(id.Type); s != nil {
		return id.Type + ":" + n.hashText(s, id.Value), nil
	}
	return "", fmt.Errorf("hash: %q is neither an identifier type nor a sensitive property of the deployment", id.Type)
}

// identifier returns the canonical form and the priority of a value, or the repair that dropped it.
func (n *Normalizer) identifier(typ, value string) (canonical string, priority int, repair Repair, ok bool) {
	base := schemas.BaseType(typ)
	t, known := n.types[base]
	if !known || !validScope(typ[len(base):]) {
		return "", 0, UnknownType, false
	}
	if t.sensitive && n.isHashed(value) {
		return n.memory.Join(typ, ":", value), t.priority, 0, true
	}
	value, repair, ok = n.normalise(t.class, value)
	if !ok {
		return "", 0, repair, false
	}
	if t.sensitive {
		value = n.hash(base, value)
	}
	return n.memory.Join(typ, ":", value), t.priority, 0, true
}

// normalise returns the canonical text of a value that is to name somebody.
func (n *Normalizer) normalise(c class, value string) (string, Repair, bool) {
	if len(value) > 4*MaxIdentifierBytes { // before any work on it; normalising never shrinks as much
		return "", IdentifierTooLong, false
	}
	value = cleanText(value)
	if isJunk(value) {
		return "", JunkIdentifier, false
	}
	switch c {
	case classPhone:
		e164 := n.phones.parse(value)
		if e164 == "" {
			return "", InvalidPhone, false
		}
		if isJunkPhone(e164) {
			return "", JunkIdentifier, false
		}
		return e164, 0, true
	case classEmail:
		value = strings.ToLower(value)
		if !isEmail(value) {
			return "", InvalidEmail, false
		}
		if isJunkEmail(value) {
			return "", JunkIdentifier, false
		}
	}
	if len(value) > MaxIdentifierBytes {
		return "", IdentifierTooLong, false
	}
	return value, 0, true
}

// validScope checks what stands behind the base type: nothing, or "@" and 1 to 64 of [A-Za-z0-9._-],
// the first of them a letter or digit. Platform ids (wx…, ww…, corp ids) are such.
func validScope(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != '@' || len(s) < 2 || len(s) > 65 {
		return false
	}
	for i := 1; i < len(s); i++ {
		c := s[i]
		alnum := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !alnum && (i == 1 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return true
}

// cleanText trims white space and invisible marks and brings the rest to Unicode form NFC.
func cleanText(s string) string {
	if isPlain(s) {
		return s
	}
	return norm.NFC.String(strings.TrimFunc(norm.NFC.String(s), isInvisible))
}

// isInvisible knows white space, the byte order mark, zero-width characters, and the marks of writing
// direction that come along when a number is copied from a contact.
func isInvisible(r rune) bool {
	return unicode.IsSpace(r) || r == '\ufeff' || r >= '\u200b' && r <= '\u200f' ||
		r >= '\u202a' && r <= '\u202e' || r >= '\u2060' && r <= '\u2069'
}

// isPlain says that s is printable ASCII without a space: most values are, and nothing changes them.
func isPlain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// isEmail asks for one "@" between a name and a host with a dot; whether mail arrives, only mail tells.
func isEmail(s string) bool {
	name, host, ok := strings.Cut(s, "@")
	return ok && name != "" && !strings.ContainsAny(host, "@ ") && !strings.Contains(name, " ") &&
		strings.Contains(strings.Trim(host, "."), ".") && !strings.HasPrefix(host, ".")
}
