package kafka

import (
	"sync"
	"time"
)

// How often one thing that fails again and again is told: at once, then when the reason changes, but not for every
// address that it names, and once in a while as long as it lasts.
const (
	complainAgain   = 30 * time.Second
	complainChanged = 5 * time.Second
)

// maxComplaints bounds what is remembered; beyond it everything is news again.
const maxComplaints = 256

// Complaints keeps what was told of failures that are tried again several times a second, for as long as a broker may be
// away: a log that is full of them shows nothing else. The zero value is ready, for any goroutine.
type Complaints struct {
	mu   sync.Mutex
	told map[string]complaint // by what fails
}

type complaint struct {
	text string
	at   time.Time
}

// Due reports whether a failure is to be told now: at once, 5 s later if text has changed, and every half minute.
func (c *Complaints) Due(what, text string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, known := c.told[what]
	since := now.Sub(before.at)
	if known && (since < complainChanged || since < complainAgain && text == before.text) {
		return false
	}
	if c.told == nil || len(c.told) >= maxComplaints {
		c.told = map[string]complaint{}
	}
	c.told[what] = complaint{text, now}
	return true
}

// Over forgets what was told: it works again, and the next failure is news.
func (c *Complaints) Over(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.told, what)
}
