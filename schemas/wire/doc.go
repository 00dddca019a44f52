// Package wire is the private binary encoding of what crosses the inbox and facts topics: records
// that carry a list of items of one source, in order.
//
// A record begins with a version byte and the hash of the deployment record. An unknown version is an
// error (the reader stops loudly); a record with another hash is not ours. Integers are varints,
// signed ones zigzag; text is a length and its bytes. Nothing is self-describing: a new field raises
// Version.
//
// Three kinds of source write to an inbox: routers (items numbered by their position in
// portrait.events), machines (items numbered densely per channel, from 1) and the coordinator
// (deployment, catalogue, barriers, operators' skips; idempotent by content). Only machines write facts.
package wire
