package schemas

import "testing"

// TestDeploymentHashIsStable pins the hash of a record: every inbox record of a deployment carries it, so
// a field added to Deployment must be left out of the JSON while it has its zero value (omitempty), or all
// existing deployments would be refused.
func TestDeploymentHashIsStable(t *testing.T) {
	d := DefaultDeployment()
	d.ID, d.KeyID, d.KeyCheck = "pinned", "key", "check"
	d.TimersPerRecord = 128 // a default may change, what a record says may not
	const want = uint64(0x16116d5f8d4d3f54)
	if got := d.Hash(); got != want {
		t.Errorf("the hash of a known record is %#x, was %#x: give new fields omitempty", got, want)
	}
}

func TestDeploymentValidate(t *testing.T) {
	for name, change := range map[string]func(*Deployment){
		"no id":              func(d *Deployment) { d.ID = "" },
		"no partitions":      func(d *Deployment) { d.InboxPartitions = 0 },
		"no types":           func(d *Deployment) { d.Identifiers = nil },
		"unknown clock":      func(d *Deployment) { d.Clock = "sun" },
		"event clock, two":   func(d *Deployment) { d.Clock, d.EventsPartitions = ClockEvent, 2 },
		"no timers":          func(d *Deployment) { d.TimersPerRecord = 0 },
		"profiles too large": func(d *Deployment) { d.ProfileLimit = 1 << 20 },
		"negative memory":    func(d *Deployment) { d.DedupeIDs = -1 },
		"no queue":           func(d *Deployment) { d.QueueLimit = 0 },
	} {
		d := DefaultDeployment()
		d.ID = "x"
		if err := d.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&d)
		if d.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
