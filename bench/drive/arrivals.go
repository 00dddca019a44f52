package drive

import (
	"sync"
	"time"
)

// Arrival is one tag change that an event caused.
type Arrival struct {
	Event    int64     // its number
	Planned  time.Time // instant of the event
	Received time.Time
}

// arrivalsMost bounds what is kept, at 56 bytes each: an hour of 2,000 changes a second would be less.
const arrivalsMost = 8_000_000

// arrivals keeps single changes, where a distribution is not enough: which partition answered when.
type arrivals struct {
	mu   sync.Mutex
	on   bool
	list []Arrival
}

func (a *arrivals) add(n int64, planned, received time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.on && len(a.list) < arrivalsMost {
		a.list = append(a.list, Arrival{n, planned, received})
	}
}

// KeepArrivals keeps every change from now on; Arrivals returns those so far.
func (d *Driver) KeepArrivals() {
	d.arrivals.mu.Lock()
	defer d.arrivals.mu.Unlock()
	d.arrivals.on, d.arrivals.list = true, nil
}

// Arrivals returns the changes received since KeepArrivals, in the order in which they were received per partition of the topic.
func (d *Driver) Arrivals() []Arrival {
	d.arrivals.mu.Lock()
	defer d.arrivals.mu.Unlock()
	return d.arrivals.list[:len(d.arrivals.list):len(d.arrivals.list)]
}
