package normalize

import (
	"strings"
	"unicode"
)

// isJunkWord knows, in lower case, what programs write where an identifier is missing, and the ids
// that whole device models share. The list belongs to the normalisation version.
func isJunkWord(lower string) bool {
	switch lower {
	case "null", "(null)", "<null>", "nil", "<nil>", "none", "undefined", "unknown", "unknow", "unset",
		"n/a", "na", "nan", "-", "--", "---", "_", ".", "?", "*", "-1", "true", "false", "empty", "blank",
		"default", "test", "tests", "testing", "dummy", "guest", "anonymous", "object", "[object object]",
		"not available", "not set", "(not set)", "{}", "[]", "\"\"", "''",
		"无", "空", "未知", "暂无", "匿名", "测试":
		return true
	case "9774d56d682e549c", // Android 2.2: one id for every device of some models
		"020000000000",                       // the MAC address that Android shows since 6.0
		"012345678901234", "123456789012345", // IMEI of cloned and test devices
		"1234567890", "0123456789": // typed along the keyboard
		return true
	}
	return false
}

// sameLeast is from how many characters on one repeated character is junk ("11111111"). A short "7",
// "11" or "1111" may be a real customer's number; of zeros any number is junk.
const sameLeast = 8

// isJunk says whether a cleaned value must not name anybody.
func isJunk(s string) bool {
	if s == "" || isSame(s) {
		return true
	}
	if !isPlain(s) {
		return len(s) <= longestJunk && isJunkWord(strings.ToLower(s)) || strings.ContainsFunc(s, unicode.IsControl)
	}
	return len(s) <= longestJunk && isPlainJunk(s)
}

// longestJunk is the length of the list's longest word, rounded up.
const longestJunk = 24

// isPlainJunk looks for s in the list, and for s without separators.
func isPlainJunk(s string) bool {
	var lower, bare [longestJunk]byte
	n := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
		if c != '-' && c != ':' {
			bare[n] = c
			n++
		}
	}
	return isJunkWord(string(lower[:len(s)])) || n < len(s) && isJunkWord(string(bare[:n]))
}

// isSame says whether s is zeros only, or one character at least sameLeast times; separators of
// UUIDs and MAC addresses do not count ("00000000-0000-…", "ff:ff:ff:ff:ff:ff").
func isSame(s string) bool {
	var first rune
	count := 0
	for _, r := range s {
		if r == '-' || r == ':' || r == '_' || r == '.' || r == ' ' {
			continue
		}
		if count > 0 && r != first {
			return false
		}
		first = r
		count++
	}
	return count > 0 && first == '0' || count >= sameLeast
}

// isJunkPhone knows numbers that are valid and belong to nobody in particular: the operators' service
// numbers that everybody types into forms, round numbers (nnn 0000 0000), one digit repeated, and the
// block 555-0100 to 555-0199 of North America, which is kept for fiction.
func isJunkPhone(e164 string) bool {
	switch e164 {
	case "+8613800138000", "+8613888888888", "+8613812345678":
		return true
	}
	if national, ok := strings.CutPrefix(e164, "+86"); ok && len(national) == 11 {
		return national[3:] == "00000000" || isSame(national[1:])
	}
	if national, ok := strings.CutPrefix(e164, "+1"); ok && len(national) == 10 {
		return national[3:8] == "55501" || isSame(national)
	}
	return isSame(e164[1:])
}

// isJunkEmail knows the addresses that people and programs write to get past a form.
func isJunkEmail(lower string) bool {
	switch name, host, _ := strings.Cut(lower, "@"); name {
	case "null", "none", "unknown", "undefined", "noreply", "no-reply", "nomail", "noemail":
		return true
	default:
		return host == "test.com" || host == "null.com" || host == "none.com" || host == "example.invalid"
	}
}
