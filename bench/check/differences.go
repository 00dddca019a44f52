package check

import (
	"fmt"
	"strings"

	"portrait/bench"
)

// shown is how many differences of a check are written out; all are counted.
const shown = 5

// differences collects what does not agree.
type differences struct {
	count         int64
	lost, doubled int64 // of count
	first         []string
}

// miss adds something that is not there, and again something that is there more often than it should be.
func (d *differences) miss(format string, args ...any) {
	d.lost++
	d.add(format, args...)
}

func (d *differences) again(format string, args ...any) {
	d.doubled++
	d.add(format, args...)
}

func (d *differences) add(format string, args ...any) {
	d.count++
	if len(d.first) < shown {
		d.first = append(d.first, fmt.Sprintf(format, args...))
	}
}

// result is the check: ok if nothing differs. The summary says what was compared.
func (d *differences) result(format string, args ...any) bench.Check {
	summary := fmt.Sprintf(format, args...)
	if d.count == 0 {
		return bench.Check{OK: true, Detail: summary}
	}
	rest := ""
	if more := d.count - int64(len(d.first)); more > 0 {
		rest = fmt.Sprintf("; and %d more", more)
	}
	return bench.Check{Lost: d.lost, Doubled: d.doubled, Wrong: d.count - d.lost - d.doubled, Detail: fmt.Sprintf("%s; %d wrong: %s%s", summary, d.count, strings.Join(d.first, "; "), rest)}
}
