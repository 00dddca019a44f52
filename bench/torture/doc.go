// Package torture runs a deployment of real processes under load, breaks one of them every few seconds, and then asks the
// ledger whether anybody would have noticed from the results.
//
// Vocabulary. A part is something that can be broken: a node (a `portrait run` process with some roles), the broker, or
// ClickHouse. A fault is a planned misfortune of one part: Kill is kill -9 and a new start after a while; Freeze is SIGSTOP for
// longer than the consumer groups' session, then SIGCONT, which makes a zombie; Restart is SIGTERM and a new start. A strike is
// a fault that happened, with what it took until everything was as before.
//
// The schedule follows from its seed (Plan), so a run can be had again; what it hits in the very instant does not, because the
// processes' own timing is nobody's to plan.
//
// Load is open loop (bench/live): a record is due when it is due, whatever is broken. What the broker has without having said so
// stands twice in portrait.events, since a careful producer sends it again; Copies counts that after the run, and the ledger
// hears of it: the same event id from the source again, which must change nothing.
//
// What is judged (Verdict): every check of bench/check, the profiles topic and the dead letters against ClickHouse and ledger, no
// process that ended without being asked, every planned fault done and all of the load sent. What is only measured: the longest
// silence on portrait.tags, and for each strike the time until every machine had published a change that was caused by an
// event sent after it, and until ClickHouse held facts from after it.
package torture
