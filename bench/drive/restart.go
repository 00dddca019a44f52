package drive

// Restart is one kill -9 of a node, and its start. Times are seconds after the start of the new process.
type Restart struct {
	At         float64  `json:"at"`              // of the kill, as in the series
	Down       float64  `json:"down_s"`          // from the kill to the start
	Announced  float64  `json:"announced_s"`     // store, brokers and deployment are open, the page of health answers
	Owned      float64  `json:"owned_s"`         // all its partitions are open
	CaughtUp   float64  `json:"caught_up_s"`     // and have next to nothing before them
	Ready      float64  `json:"ready_s"`         // as /readyz says
	FirstTag   float64  `json:"first_tag_s"`     // the first change that an event sent after the kill caused was received
	Partitions float64  `json:"all_first_tag_s"` // each partition has had such a change
	Said       []string `json:"said,omitempty"`  // the node's own log lines since
}

// Phase is a node that restarts gracefully, joins or leaves under load, with the time until the next phase.
type Phase struct {
	Name    string  `json:"name"`    // restart, join or leave, and the node
	At      float64 `json:"at"`      // begin, as in the series
	Seconds float64 `json:"seconds"` // until the next
	Away    float64 `json:"away_s"`  // until the node was ready, or gone
	Moved   []int   `json:"moved"`   // inbox partitions that changed hands
	// FirstTag is how long the event of a moved partition that waited longest did: until the partition's new owner had told its
	// first changes.
	FirstTag  float64 `json:"first_tag_s"`
	OthersP99 float64 `json:"others_p99_ms"` // of the partitions that did not move
	MovedP99  float64 `json:"moved_p99_ms"`
	Slow      int     `json:"slow_seconds"` // of the plan, whose p99 is above 500 ms
	Changes   int     `json:"changes"`
}

// Second is one second of the plan: of the changes that its events caused, whenever they came. 0: there were none.
type Second struct {
	At     float64 `json:"at"` // as in the series
	P99    float64 `json:"p99_ms"`
	Moved  float64 `json:"moved_p99_ms,omitempty"`  // in partitions that moved in its phase
	Others float64 `json:"others_p99_ms,omitempty"` // in the others
}

// SlowMS is the p99 above which a second counts as slow.
const SlowMS = 500
