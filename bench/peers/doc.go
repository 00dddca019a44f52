// Package peers puts Portrait beside another system that does the same job: both as processes of their own, on the same Apache
// Kafka, taking turns, with one generator and one recorder.
//
// Vocabulary. An application is what is measured: `portrait run`, or the one on Kafka Streams with its settings for a question. A
// drain is a backlog that lies there before the application starts; it is the same topic for all of a round. Live is an open
// load: each event has a planned instant, and a tag change's latency counts from there until it is received, whatever held it up.
// A round asks each application once; every second round asks in the opposite order. A ratio is of one round, so that
// what the machine did to both cancels out; told is the median of the rounds.
//
// What is compared. Every tag change of every application is checked against the traffic's model (package traffic, Told): each
// event must bring exactly the changes that the model says, in a chain of versions per person without a gap. So the
// applications' changes equal each other's, too. A run that differs has failed, whatever its speed.
//
// How a drain is timed. Progress is counted by tag changes received, since that is what both have in common: the model says
// which event brought the c-th of them. The clock runs from when the warm-up's changes are there until all are. Changes
// of an exactly-once application come a commit at a time; both ends lie on one.
//
// CPU is that of the application's process alone, told per event; the broker's stands beside it, because an application can
// leave work to the broker. Of a drain it is told twice: until the last tag change, and until what was put off is done as well,
// since both put things off (Portrait its documents, Kafka Streams what its caches hold).
package peers
