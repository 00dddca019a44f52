package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"portrait/schemas"
)

// maxHinted bounds the names in a hint.
const maxHinted = 20

// hintUnknown says that a name is none of those there are: a typing error looks like an empty answer otherwise.
func hintUnknown(out io.Writer, what, name string, names []string) {
	if slices.Contains(names, name) {
		return
	}
	more := ""
	if n := len(names) - maxHinted; n > 0 {
		names, more = names[:maxHinted], fmt.Sprintf(" and %d more", n)
	}
	there := "there are none"
	if len(names) > 0 {
		there = "there are " + strings.Join(names, ", ") + more
	}
	fmt.Fprintf(out, "no %s %q; %s\n", what, name, there)
}

// unknownType says that a deployment has no identifiers of this type; empty if it has.
func unknownType(dep *schemas.Deployment, identifier string) string {
	names := make([]string, len(dep.Identifiers))
	for i := range dep.Identifiers {
		names[i] = dep.Identifiers[i].Name
	}
	var text strings.Builder
	hintUnknown(&text, "identifier type of the deployment has the name", schemas.BaseType(identifier), names)
	return strings.TrimSpace(text.String())
}

// hintTag says that the published catalogue has no such tag; the topic may still hold changes of one that it had. A
// catalogue that is not there yet, or that this binary does not understand, says nothing.
func hintTag(out io.Writer, tag string, catalog []byte) {
	if tag == "" {
		return
	}
	parsed, err := schemas.ParseCatalog(catalog)
	if err != nil {
		return
	}
	var names []string
	for i := range parsed.Tags {
		names = append(names, parsed.Tags[i].Name)
	}
	hintUnknown(out, "tag of the published catalogue has the name", tag, names)
}
