package drive

import (
	"portrait/bench/traffic"
	"portrait/schemas"
)

// Homes returns what says which inbox partition an event's profile lives in, if nothing is linked: that of its customer.
// It is used by one goroutine.
func (d *Driver) Homes() func(n int64) int {
	plan := d.traffic().(planned).Plan
	render := traffic.NewRenderer(plan)
	return func(n int64) int {
		e := plan.Event(n)
		return schemas.PartitionOf("customer_id:"+string(render.Key(&e)), d.dep.Inbox)
	}
}
