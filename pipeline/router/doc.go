// Package router is the first step of the pipeline: raw records of one events partition go in, inbox
// records and dead letters come out.
//
// Vocabulary. A fetch is what one request returned: records of one events partition in order. An item
// is one event, or word of one that was rejected; its number (partition, offset, index) is its place in
// portrait.events. A hole is an item that tells of offsets in a row which never held an event (markers of
// transactions, records of aborted ones); its number is the last of them. The anchor is the event's identifier of
// highest priority, and decides the inbox partition. A stamp is a promise: no later item of this fetch has a smaller Kafka timestamp. A tick
// says the same of everything that was handed on, where no item did (DESIGN.md section 4).
//
// Invariants. The router keeps nothing between fetches but the offsets without an event that it passed behind
// the last record, which a successor passes again: it may be killed, doubled or replaced at any
// time, and what it does to an event depends on the record and the deployment record only (wall now
// serves to clamp timestamps that lie ahead of it). Every event gives exactly one item, in exactly one
// inbox partition; per inbox partition numbers only grow. Batch boundaries change stamps, nothing else.
// No value of a sensitive type or property leaves in clear, except in a dead letter's original bytes.
//
// Under the event clock (import of history) the time of an item is its event time throughout: the
// Kafka field holds it, stamps are made of it, and the Kafka timestamp only bounds it.
//
// Nothing here is safe for concurrent use: one Router per events partition, one Ticker per process.
package router
