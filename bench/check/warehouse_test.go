package check

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var idRange = regexp.MustCompile(`event_id >= '([^']+)' AND event_id < '([^']+)'`)

// query answers the checker's questions from the rows.
func (w *world) query(_ context.Context, sql string) ([][]string, error) {
	if w.failing != "" && strings.Contains(sql, w.failing) {
		return nil, fmt.Errorf("connection refused")
	}
	inRange := func(string) bool { return true }
	if m := idRange.FindStringSubmatch(sql); m != nil {
		inRange = func(id string) bool { return id >= m[1] && id < m[2] }
	}
	switch {
	case strings.Contains(sql, "portrait.events WHERE"):
		return grouped(w.eventIDs(), inRange), nil
	case strings.Contains(sql, "portrait.duplicates"):
		return grouped(w.duplicates, inRange), nil
	case strings.Contains(sql, "portrait.rejections"):
		return [][]string{{"json", strconv.Itoa(w.rejections)}}, nil
	case strings.Contains(sql, "portrait.accounting"):
		return w.accounting(), nil
	case strings.Contains(sql, "ARRAY JOIN identifiers"):
		return w.identifiers(), nil
	case strings.Contains(sql, "portrait.profiles_now"):
		return w.documents()
	case strings.Contains(sql, "windowFunnel"):
		return w.funnel(), nil
	case strings.Contains(sql, "portrait.events_now"):
		var rows [][]string
		for _, ev := range w.events {
			if inRange(ev.id) {
				rows = append(rows, []string{ev.id, ev.profile})
			}
		}
		return rows, nil
	case strings.Contains(sql, "portrait.tag_changes"):
		return w.changes()
	}
	return nil, fmt.Errorf("the fake does not know: %s", sql)
}

func (w *world) eventIDs() []string {
	var ids []string
	for _, ev := range w.events {
		ids = append(ids, ev.id)
	}
	return ids
}

func grouped(ids []string, inRange func(string) bool) [][]string {
	counts := map[string]int{}
	for _, id := range ids {
		if inRange(id) {
			counts[id]++
		}
	}
	var rows [][]string
	for id, n := range counts {
		rows = append(rows, []string{id, strconv.Itoa(n)})
	}
	return rows
}

// accounting knows how many records there were; what is not stored is an offset without a row.
func (w *world) accounting() [][]string {
	items := len(w.events) + len(w.duplicates) + w.rejections
	missing, doubled, ok := w.ledger.Len()-items+w.unseen, 0, "1"
	if missing < 0 {
		missing, doubled = 0, -missing
	}
	if missing+doubled > 0 {
		ok = "0"
	}
	return [][]string{{"0", strconv.Itoa(items), strconv.Itoa(doubled), strconv.Itoa(missing), "0", ok}}
}

func (w *world) identifiers() [][]string {
	var rows [][]string
	for _, p := range w.profiles {
		for _, id := range p.identifiers {
			rows = append(rows, []string{p.id, id})
		}
	}
	return rows
}

func (w *world) documents() ([][]string, error) {
	var rows [][]string
	for _, p := range w.profiles {
		b, err := json.Marshal(p.features)
		if err != nil {
			return nil, err
		}
		rows = append(rows, []string{p.id, strconv.FormatInt(p.events, 10), string(b)})
	}
	return rows, nil
}

// funnel tries every chain.
func (w *world) funnel() [][]string {
	byProfile := map[string][]eventRow{}
	for _, ev := range w.events {
		byProfile[ev.profile] = append(byProfile[ev.profile], ev)
	}
	var rows [][]string
	for profile, events := range byProfile {
		level := 0
		for _, a := range events {
			if a.name != "product_viewed" {
				continue
			}
			level = max(level, 1)
			for _, b := range events {
				if b.name != "cart_added" || b.at <= a.at || b.at-a.at > 10_000 {
					continue
				}
				level = max(level, 2)
				for _, c := range events {
					if c.name == "order_paid" && c.at > b.at && c.at-a.at <= 10_000 {
						level = 3
					}
				}
			}
		}
		rows = append(rows, []string{profile, strconv.Itoa(level)})
	}
	return rows
}

func (w *world) changes() ([][]string, error) {
	var rows [][]string
	to := when(w.asOf.Add(-Margin).UnixMilli())
	for _, c := range w.stored {
		if c.DecidedAt >= to {
			continue
		}
		b, err := json.Marshal(c.Value)
		if err != nil {
			return nil, err
		}
		rows = append(rows, []string{c.ID, c.ProfileID, c.Tag, string(c.Change), string(b), strconv.FormatUint(c.Version, 10)})
	}
	return rows, nil
}
