// Package schemas holds what crosses a boundary of Portrait: the public event, the tag change, the
// profile document, the deployment record and the catalogue, each with its JSON Schema, and the
// ClickHouse migrations and queries. It knows no other room; subpackage wire has the private binary
// encoding of inbox and fact messages.
//
// Vocabulary. An identifier is a typed value that names a person or a device ("phone:…",
// "openid@wxapp1:…"); its anchor is the identifier of highest priority in one event. A profile is
// what all identifiers of one person lead to. An output number (Version) orders everything that one
// inbox partition ever says: it is derived from a position in a log, so a replay says it again under
// the same number.
package schemas
