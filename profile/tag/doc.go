// Package tag compiles a catalogue and evaluates its tags.
//
// A tag is a rule over the features and identifiers of one profile, written in CEL: boolean, or an enum
// whose first case that holds gives the value. Compile takes what schemas.ParseCatalog read and
// answers, for a deployment, everything that the machine asks of a catalogue: which features an event
// may touch, which tags read a feature, whose value moves with time, which limits hold for identifiers.
//
// # The dependency index
//
// A tag reads a feature if the checked rule names it, whichever branch is taken at run time: an event
// re-evaluates exactly the tags that read what it touched, so a tag that reads too much costs time and
// one that reads too little would be wrong.
//
// # Cuts
//
// The age behind a recency grows by itself, so a tag that reads one could change at any instant. A
// recency may therefore only be compared (< <= > >=) with constants, and the machine sets a timer for the
// next cut only: the age, in ms, from which on a comparison says something else than below. For >= and <
// that is the constant, rounded up, for > and <= the first whole ms above it.
//
// # Invariants
//
//   - Equal catalogues and deployments give equal answers, byte for byte, on every processor: lists
//     are sorted, rules see no map to iterate over, no clock, no time-zone data of the host.
//   - The effort of every rule is bounded when it is compiled, by the static cost estimate of cel-go,
//     so that Eval needs neither a deadline nor a counter.
//   - A Catalog and its Tags are immutable and may be used by several goroutines.
//   - What can only fail at run time (a division by zero, a number out of range) is an error of Eval,
//     and the tag keeps its value.
package tag
