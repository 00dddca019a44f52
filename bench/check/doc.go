// Package check compares what a run left behind with the ledger: the tag topic as a consumer saw it, and
// ClickHouse as any client sees it. It imports neither profile nor pipeline nor sinks (a test holds it to
// that), so it can share no mistake with them; what it expects comes from bench/ledger alone.
//
// Vocabulary. A relation says which profile holds something of which person: an identifier (profiles_now)
// or an event (events_now). A person is whole if the relation leads to exactly one profile; a profile is
// clean if it leads to one person. Profiles that hold nothing of anybody in the ledger belong to another run
// in the same data directory and are passed over.
//
// Checks, each named in the report:
//
//	events_stored             every event that counts is in `events` once: none missing, double, or unknown
//	rejected, duplicates      as many dead letters, and the very duplicates, that were sent
//	accounting                the view finds no offset without a row, and no row twice
//	identity                  people whole, profiles clean, every identifier in a profile
//	features                  orders, amounts, counts, times and texts of each profile's document
//	funnel                    windowFunnel over events_now, per profile
//	versions_gapless          previous_version chains without a gap, per profile
//	tags_final                the topic replayed until an instant, merges included, per person
//	tags_history              absences that lasted were noticed; nothing entered that the events contradict
//	tags_topic_vs_clickhouse  the same changes on both sides
//
// Time. Tags move on while the check runs. They are compared at AsOf, or at an instant shortly before it if too
// many were about to flip at AsOf. Those that could flip within Margin of the instant are undetermined: they are
// counted, and the check fails if they are MaxUndetermined of all or more. On both sides of
// tags_topic_vs_clickhouse only changes decided before AsOf minus Margin are compared. So call Run when the topic and
// ClickHouse have both passed AsOf.
//
// Patience. A machine that is behind counts events before its clock passes the deadlines between them, and an
// absence that was over by then is rightly never noticed. How far it was behind shows in the changes
// (decided_at against the deadline); tags_history allows that, says so in its detail, and judges the rest. A timer is
// shown no patience: it fires when everything sent before its deadline has been read, or it is wrong.
package check
