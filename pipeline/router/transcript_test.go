package router

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"portrait/schemas"
)

var update = flag.Bool("update", false, "write what the code does into the transcripts, to be read before they are committed")

// TestTranscripts runs testdata/*.txt. A transcript is a list of commands, each followed by what came
// of it; lines that begin with "#" are for the reader. Times are ms.
//
//	deployment clock=event events=2 inbox=3
//	fetch now=T          then lines "OFFSET TIME VALUE", one per record
//	assign E | revoke E | read E STAMP | end E WALL | sent INBOX E STAMP NOW | due NOW [suspect]
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := (&transcript{t: t}).run(string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if got != string(text) {
				t.Errorf("the code does this instead (-update writes it):\n%s", got)
			}
		})
	}
}

type transcript struct {
	t      *testing.T
	router *Router
	ticker *Ticker
	out    strings.Builder
}

// run executes the commands of a transcript and returns it with the answers of the code.
func (s *transcript) run(text string) string {
	s.deployment(nil)
	var records []Record
	var pending []string // a fetch command waits for its records
	flush := func() {
		if pending != nil {
			s.fetch(pending, records)
			pending, records = nil, nil
		}
	}
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		words := strings.Fields(line)
		if strings.HasPrefix(line, "  ") { // an answer: written anew
			continue
		}
		if len(words) > 0 && pending != nil && words[0][0] >= '0' && words[0][0] <= '9' {
			parts := strings.SplitN(line, " ", 3)
			records = append(records, Record{Offset: s.number(parts[0]), Time: s.number(parts[1]), Value: []byte(parts[2])})
			s.out.WriteString(line + "\n")
			continue
		}
		flush()
		s.out.WriteString(line + "\n")
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if words[0] == "fetch" {
			pending = words
			continue
		}
		s.command(words)
	}
	flush()
	return s.out.String()
}

func (s *transcript) command(words []string) {
	n := make([]int64, len(words))
	for i, w := range words[1:] {
		if words[0] != "deployment" && w != "suspect" {
			n[i] = s.number(w)
		}
	}
	switch words[0] {
	case "deployment":
		s.deployment(words[1:])
	case "assign":
		s.ticker.Assign(int32(n[0]))
	case "revoke":
		s.ticker.Revoke(int32(n[0]))
	case "read":
		s.ticker.Read(int32(n[0]), n[1])
	case "end":
		s.ticker.ReachedEnd(int32(n[0]), n[1])
	case "sent":
		s.ticker.Sent(int(n[0]), int32(n[1]), n[2], n[3])
	case "due":
		for _, in := range s.ticker.Due(n[0], words[len(words)-1] == "suspect") {
			fmt.Fprintf(&s.out, "  inbox %d from %d:", in.Partition, in.Record.From)
			for _, tick := range in.Record.Ticks {
				fmt.Fprintf(&s.out, " tick(%d %d)", tick.Partition, tick.Stamp)
			}
			s.out.WriteString("\n")
		}
	default:
		s.t.Fatalf("unknown command %q", words)
	}
}

func (s *transcript) deployment(settings []string) {
	var dep *schemas.Deployment
	s.router = testRouter(s.t, func(d *schemas.Deployment) {
		dep = d
		for _, set := range settings {
			key, value, _ := strings.Cut(set, "=")
			switch key {
			case "clock":
				d.Clock = schemas.Clock(value)
			case "events":
				d.EventsPartitions = int(s.number(value))
			case "inbox":
				d.InboxPartitions = int(s.number(value))
			default:
				s.t.Fatalf("unknown setting %q", set)
			}
		}
	})
	s.ticker = NewTicker(dep)
}

func (s *transcript) fetch(words []string, records []Record) {
	out := s.router.Route(Fetch{Now: s.number(strings.TrimPrefix(words[1], "now=")), Records: records})
	for i := range out.Inbox {
		in := &out.Inbox[i]
		fmt.Fprintf(&s.out, "  inbox %d, stamp %d\n", in.Partition, in.Stamp())
		for _, it := range in.Record.Routed {
			at := it.At()
			if it.Rejected != nil {
				fmt.Fprintf(&s.out, "    %d/%d @%d rejected %s: %s\n", at.Offset, at.Index, it.Stamp, it.Rejected.Reason, it.Rejected.Detail)
				continue
			}
			ev := it.Event
			fmt.Fprintf(&s.out, "    %d/%d @%d %s %s time=%d kafka=%d channel=%q %s", at.Offset, at.Index, it.Stamp, ev.ID, ev.Name, ev.Time, ev.Kafka, ev.Channel, strings.Join(ev.Identifiers, " "))
			for _, p := range ev.Props {
				fmt.Fprintf(&s.out, " %s=%d:%s", p.Key, p.Kind, p.Text)
			}
			s.out.WriteString("\n")
		}
	}
	for _, d := range out.Rejected {
		fmt.Fprintf(&s.out, "  dead letter %s %s %q\n", d.At, d.Reason, d.Value)
	}
	fmt.Fprintf(&s.out, "  next %d, stamp %d\n", out.Next, out.Stamp)
}

func (s *transcript) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}
