// Package drive sends a plan of package traffic to a deployment in open loop, records what comes back, and samples
// the machine while it does.
//
// Vocabulary. A stretch is a time at one rate: a warm-up and then windows, each measured by itself, back to back, so that
// what one window left behind shows in the next. An event is handed over when the producer takes it; whatever
// the system under test does, each is handed over at its planned instant or as soon after it as the producer has room,
// and latency counts from the planned instant (no coordinated omission). A window kept its plan if at least 99 % of
// it was handed over by its planned end; one that did not says nothing about the system and is invalid. Lag is the
// number of events that are acknowledged by the brokers and not counted in a profile yet.
//
// The recorder looks only for the causing event's id in a tag change. Everything else is read again when the clock
// has stopped: both public topics, and ClickHouse if there is one, are compared with the plan.
package drive
