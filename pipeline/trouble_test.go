package pipeline

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Troubles that repeat several times a second, for as long as a broker is away, are all counted, and told now and then.
func TestTroublesAreToldNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		n := &Node{log: slog.New(slog.NewTextHandler(&out, nil))}
		for range 100 { // 50 s
			n.trouble("inbox fetch", errors.New("inbox/0: refused"))
			n.trouble("inbox fetch", errors.New("inbox/1: refused"))
			time.Sleep(500 * time.Millisecond)
		}
		if told := strings.Count(out.String(), "inbox fetch"); told != 4 || n.troubles.Load() != 200 {
			t.Errorf("%d troubles were told %d times, want 4 of 200:\n%s", n.troubles.Load(), told, out.String())
		}
	})
}
