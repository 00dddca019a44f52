// Package normalize turns an event as a producer sent it into one that may be stored: identifiers in
// their canonical form, junk dropped, sensitive values replaced by keyed hashes.
//
// Vocabulary. A junk value is one that many people share because some program wrote it ("unknown",
// "0", a test number): as an identifier it would merge strangers, so it never becomes a node. A repair
// is a change to an event that its producer should know of; repairs are counted by rule. A sensitive
// value appears outside of this package only as "<key id>.<MAC>": HMAC-SHA-256 under a key of the
// deployment, over the canonical text ("phone:+8613900001234"), in unpadded base64url. The same number
// hashes to the same text as an identifier and as a property, so that they join; `portrait hash` does
// the same for a CRM.
//
// Version numbers everything here that decides what an identifier becomes: the rules, the junk list,
// and what the libraries for phone numbers and Unicode answer. All routers of a deployment must agree
// on it, or one person would become two. testdata/golden.txt pins answers: when a library changes one,
// the test fails, Version is raised, and all routers are drained before any of the new version runs.
//
// Invariants. The result depends on the event and the deployment record only: caches change speed,
// never answers. Nothing is dropped silently: what cannot be an identifier is kept as a property or
// counted as a repair. A Normalizer is for one goroutine.
package normalize
