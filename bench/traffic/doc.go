// Package traffic is the traffic of the bench harness: shoppers of a private-domain shop at up to several
// hundred thousand events a second, catalogues of 1, 12 and 300 tags over them, and, apart from the code
// under test, what must come out.
//
// Vocabulary. A plan is a pure function of a seed: its event number n (the sequence number) has a planned
// instant, a person, a kind and properties, all computed from n alone, so a plan takes no memory, can be read
// from anywhere by several goroutines, and is walked a second time to learn what must have come out: recording
// costs nothing while the clock runs. A cell is what is counted together of a person: one kind of event, one
// category, large or not. A model is a catalogue as data, of which both the YAML is written and every tag
// is computed from cells.
//
// Shapes. Keys: which person acts, uniform or Zipf with exponent 0.99 (as YCSB draws it). Merges: every
// event carries the customer's id; with a share of linking events there are four devices per person, too, that
// are seen alone first or beside the customer: then some events carry both (link), some a device only.
// Bursts: a part of each period has a multiple of the rate, the rest less, so that the mean stays.
//
// # Why the truth is unambiguous
//
// Events of one person and kind that share a millisecond carry the same amount and city, so "the latest" never
// depends on a tie. Windows reach from hours to days, and a run takes minutes, so no event leaves one while the
// run is checked; calendar days are counted in the deployment's zone by this package's own arithmetic.
// A device belongs to one person, so no edge is ever refused, and whatever the order of merges, the features
// of a profile are those of all its events. Only the state at the end is compared: on the way there the order of
// merges decides which changes are seen.
//
// The package shares no code with profile, pipeline or sinks.
package traffic
