// Package sim is a deterministic simulator: a whole deployment in one goroutine, from one seed.
//
// What runs is the product: the steps of router, partition and sink (pipeline.Routing, router.Ticker,
// pipeline.Partition over profile/machine, clickhouse.Steps and Storing), the catalogue, and the rounds
// of its activation. What is simulated is everything around them, by its contract: the log with its
// requests, stores that crash between any two transactions of a checkpoint, a ClickHouse that drops what it has under a
// token, consumer groups, clocks, and processes that die, sleep and come back.
//
// # The promise
//
// After receivers drop by number, every output of a run with any trouble equals the output of the same
// code run once, without trouble, over the same logs (reference.go, tables.go); and that output satisfies
// package model, which is written apart from the product and computes from what producers sent.
//
// # Vocabulary
//
// A world is one deployment with its surroundings; all that happens in it follows from its Options, and
// those from a seed. Trouble is what goes wrong; each kind is a Fault, and a world has some of them. A
// fault found is a sentence about a promise that does not hold. A world settles: trouble ends, everything
// comes to rest, time passes until the deadlines are over, and then it is judged.
//
// # What is checked
//
//   - At every commit of a router: everything before the offset is in the inboxes.
//   - At every checkpoint: all outputs before it are acknowledged, by the simulator's own account; no
//     pointer goes to a younger node; limits hold with reservations; queues and lists are within bounds.
//   - Of offsets of events that hold none: each is told of as that if the log shows it (a transaction's marker) and a record
//     is behind it; none that the simulated broker lost.
//   - Whenever anything is read: no gap, no record or item beyond its bounds, no error.
//   - At rest: equality as promised, for messages, facts, tag changes, documents, dead letters, the state byte
//     for byte, and ClickHouse column by column; nothing reserved, proposed, waiting or due; watermarks at
//     the clock; and the model's word on accounting, identity, duplicates, features, tags, deadlines, chains
//     and merges.
//
// When all hosts crash and logs lose tails that they had acknowledged (losses.go), or a topic is made anew, either
// somebody refuses to go on, or what is left fits together (consistent.go says what that is) and everything above
// holds over the logs as they are now. What neither fits together nor can be seen by whom it harms ends the world
// without a verdict: no promise covers it.
//
// A failing seed is shrunk: fewer records, kinds of trouble, nodes and partitions, as long as something
// fails; then its course is printed.
package sim
