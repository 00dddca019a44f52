// Package feature computes what is known of a profile from its events: how many, how much, how long
// ago, in all or in a window of time. It is pure: no clock, no goroutine, no floating point, and no
// time-zone data but its own.
//
// Vocabulary. A feature is compiled from a schemas.FeatureSpec. It keeps a state per profile, the
// accumulator's bytes. A window covers buckets of time: sliding ones have a fixed width counted from
// 1970, calendar ones are the days of the deployment's zone. With b the width and n = window/b, the
// value at now covers the buckets k with floor(now/b) - n < k <= floor(now/b), so the oldest bucket
// leaves as a whole when a new one begins. A cut is a value of a continuous feature (a
// recency) from which on some rule's comparison with a constant says something else than below.
//
// Laws, each tested for every kind:
//
//   - Merge is associative and commutative, and merging the states of any parts of the events gives
//     the state of all, byte for byte. So a profile may be absorbed in any order.
//   - A state is a function of the set of its events. What depends on their order is settled by a total
//     order: time, then hash of the event id, then value.
//   - A state is evaluated at the later of now and its own newest event, so no age is negative, and what
//     has left the window at the newest event can be dropped for good.
//   - A state never takes more than Bound bytes. A window costs by its buckets that hold anything, never
//     by the time between events. What a bound cuts off is counted (Overflow).
//   - Value is constant from now until NextChange; for a continuous feature, which cuts it has reached is.
//   - Sums are kept in 128 bits and held at the ends of 64 only when read; a sum that saturates on the
//     way would break the first law.
//
// Which events count. Matches looks at the name and at where; an event that matches but lacks the
// property, or has it with a type of no use, changes nothing. Amounts are numbers, or texts that are
// one. Distinct values are compared as text, 5 and 5.0 being the same; null, objects and arrays do not
// count.
//
// Ownership. States belong to the caller: Update may write into the memory of the state it is given,
// Merge and Value never do, and nothing keeps a reference to an event.
//
// One kind is one accumulator in one file: number.go (count, sum, min, max, first time), latest.go
// (recency, last time), record.go (first and last value), distinct.go, distinctwindow.go. ring.go is
// the layout of windows, grid.go their buckets, zone.go the calendar.
package feature
