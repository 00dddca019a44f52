package pipeline

import "portrait/pipeline/histogram"

// stages times the work of this process; all drivers share it, because what matters per partition is
// in their statuses.
type stages struct {
	route, step, tag histogram.Recorder
}

// Stages says how long each stage took, since the process began.
type Stages struct {
	Route histogram.Snapshot // a fetch of events, from routed until all it caused is acknowledged by the brokers
	Step  histogram.Snapshot // a machine applying one fetch of its inbox
	Tag   histogram.Snapshot // from the Kafka timestamp of an event until a tag change it caused is acknowledged; wall clock only
}

func (s *stages) snapshot() Stages {
	return Stages{Route: s.route.Snapshot(), Step: s.step.Snapshot(), Tag: s.tag.Snapshot()}
}
