package schemas

import (
	"fmt"
	"slices"
	"strings"
)

// CatalogError says what is wrong at one place of a catalogue, and what to do about it.
type CatalogError struct {
	At           Place
	What, Remedy string
}

// Error writes "line L, column C: what; remedy".
func (e *CatalogError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s; %s", e.At.Line, e.At.Column, e.What, e.Remedy)
}

// CatalogErrors is everything found wrong with a catalogue, in order of place, at most
// MaxCatalogErrors: an author mends all of it at once.
type CatalogErrors []*CatalogError

// MaxCatalogErrors bounds how much of a broken catalogue is told at once; more does not fit a screen.
const MaxCatalogErrors = 20

// Error writes one line per error.
func (e CatalogErrors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.As each single error.
func (e CatalogErrors) Unwrap() []error {
	list := make([]error, len(e))
	for i, one := range e {
		list[i] = one
	}
	return list
}

// Add appends one error.
func (e *CatalogErrors) Add(at Place, remedy, format string, args ...any) {
	*e = append(*e, &CatalogError{At: at, What: fmt.Sprintf(format, args...), Remedy: remedy})
}

// Err returns the errors in order of place, or nil if there are none.
func (e CatalogErrors) Err() error {
	if len(e) == 0 {
		return nil
	}
	list := slices.Clone(e)
	slices.SortStableFunc(list, func(a, b *CatalogError) int {
		if a.At.Line != b.At.Line {
			return a.At.Line - b.At.Line
		}
		return a.At.Column - b.At.Column
	})
	return list[:min(len(list), MaxCatalogErrors)]
}
