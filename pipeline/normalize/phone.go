package normalize

import (
	"fmt"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// phoneParser turns phone numbers into E.164. The library takes 9 µs per number, as much as all the
// rest of the router; so mobile numbers of mainland China, in the ways they are commonly written, are
// read here (a test compares with the library), and what the library answered is kept in a cache.
type phoneParser struct {
	region string
	recent map[string]string // number as sent -> E.164, "" if it is none
	older  map[string]string // the generation before: dropped whole, so that both stay bounded
}

// phoneCacheSize bounds a generation of the cache: two of them take some 5 MB. The fast path is
// nearly always right where it applies, so a larger one would help foreign shops only.
const phoneCacheSize = 16_384

// maxPhoneBytes bounds what is tried: no way of writing a number is longer.
const maxPhoneBytes = 64

func newPhoneParser(region string) (*phoneParser, error) {
	if !phonenumbers.GetSupportedRegions()[region] {
		return nil, fmt.Errorf("normalisation: phone region %q is unknown; want an ISO 3166 code such as CN", region)
	}
	return &phoneParser{region: region, recent: make(map[string]string)}, nil
}

// parse returns the number in E.164, or "" if it is none that the numbering plan knows.
func (p *phoneParser) parse(s string) string {
	if e164 := p.mobileCN(s); e164 != "" {
		return e164
	}
	if len(s) > maxPhoneBytes {
		return ""
	}
	if e164, ok := p.recent[s]; ok {
		return e164
	}
	e164, ok := p.older[s]
	if !ok {
		e164 = parseWithLibrary(s, p.region)
	}
	if len(p.recent) >= phoneCacheSize {
		p.older, p.recent = p.recent, make(map[string]string, phoneCacheSize)
	}
	p.recent[strings.Clone(s)] = e164 // s is a slice of a whole record
	return e164
}

func parseWithLibrary(s, region string) string {
	number, err := phonenumbers.Parse(s, region)
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return ""
	}
	return phonenumbers.Format(number, phonenumbers.E164)
}

// mobileCN reads 139…, +86139… and 0086139… with spaces or hyphens between digits. It answers only
// for prefixes whose numbers are all valid; for everything else "" means: ask the library.
func (p *phoneParser) mobileCN(s string) string {
	var digits [16]byte
	n, international := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			if n == len(digits) {
				return ""
			}
			digits[n] = c
			n++
		case c == '+' && i == 0:
			international = true
		case (c == ' ' || c == '-') && n > 0:
		default:
			return ""
		}
	}
	d := digits[:n]
	switch {
	case international && n == 13 && d[0] == '8' && d[1] == '6':
		d = d[2:]
	case international || p.region != "CN":
		return ""
	case n == 15 && string(d[:4]) == "0086":
		d = d[4:]
	case n != 11:
		return ""
	}
	if d[0] != '1' || !validMobileCN(d[1], d[2]) {
		return ""
	}
	return "+86" + string(d)
}

// validMobileCN says whether 1ab… is a prefix all of whose numbers the numbering plan knows.
func validMobileCN(a, b byte) bool {
	switch a {
	case '3', '8':
		return true
	case '4':
		return b == '5' || b == '7'
	case '5':
		return b != '4'
	case '6':
		return b == '2' || b >= '5' && b <= '7'
	case '7':
		return b != '4' && b != '9'
	case '9':
		return b != '4'
	}
	return false
}
