// Package solo measures the machine of one inbox partition alone: no broker, no goroutine beside it, a log that was
// made before the clock starts.
//
// The log holds what routers write: events of package traffic, normalised and gathered into records by the real
// router. What the machine sends to itself (a deployment of one partition has no others) is appended to the log
// as the broker would. Checkpoints go to a real store, cut as often as production cuts them.
//
// Vocabulary. A segment is so many events, measured by itself: at least three are, and the median and the spread
// of them are told. Wall is the time of the goroutine that applies; CPU is that of the whole process in the
// same stretch, so the collection of garbage and the store's background work count. Apply is the machine's own step,
// cut serialises a checkpoint on the machine's thread, commit writes it (in production on another goroutine).
package solo
