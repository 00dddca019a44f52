package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"portrait/bench/sim/model"
	"portrait/pipeline"
	"portrait/pipeline/kafka"
	"portrait/schemas/wire"
)

const blockedDevice = "dev-blocked"

// identifierTypes in order of priority; the model names them, too.
var identifierTypes = []string{"phone", "device_id", "anonymous_id"}

// identifier returns the k-th identifier of a type, as sent and in canonical form.
func identifier(kind, k int) (typ, value, canonical string) {
	typ = identifierTypes[kind]
	switch kind {
	case 0:
		value = fmt.Sprintf("+86139001%05d", k+7)
	case 1:
		value = fmt.Sprintf("dev-%d", k)
	default:
		value = fmt.Sprintf("anon-%d", k)
	}
	return typ, value, typ + ":" + value
}

// draft is one event before it is sent.
type draft struct {
	ev   model.Event
	json string
}

// happen draws an event.
func (w *World) happen() draft {
	var d draft
	ids := map[string][]string{}
	n := []int{1, 2, 2, 3}[w.random.IntN(4)]
	if w.Single {
		n = 1
	}
	add := func(kind, k int) {
		typ, value, canonical := identifier(kind, k)
		if !slices.Contains(d.ev.Identifiers, canonical) {
			d.ev.Identifiers = append(d.ev.Identifiers, canonical)
			ids[typ] = append(ids[typ], value)
		}
	}
	for range n {
		add(w.random.IntN(3), w.random.IntN(w.People))
	}
	if w.Shared && !w.Single && w.random.IntN(2) == 0 {
		add(1, 0)
	}
	if w.has(Junk) && w.random.IntN(6) == 0 {
		ids["device_id"] = append(ids["device_id"], "unknown") // names nobody
		if w.random.IntN(3) == 0 {
			ids, d.ev.Identifiers = map[string][]string{"device_id": {"unknown"}}, nil
		}
	}
	if w.has(Junk) && w.random.IntN(6) == 0 {
		if w.random.IntN(3) == 0 {
			ids, d.ev.Identifiers = map[string][]string{}, nil
		}
		ids["device_id"] = append(ids["device_id"], blockedDevice)
		d.ev.Identifiers = append(d.ev.Identifiers, "device_id:"+blockedDevice)
	}
	slices.SortFunc(d.ev.Identifiers, func(a, b string) int {
		x, _, _ := strings.Cut(a, ":")
		y, _, _ := strings.Cut(b, ":")
		return cmp.Or(cmp.Compare(slices.Index(identifierTypes, x), slices.Index(identifierTypes, y)), cmp.Compare(a, b))
	})
	if len(d.ev.Identifiers) == 0 {
		d.ev.Reject = "no_identifier"
	}
	w.ids++
	d.ev.ID = fmt.Sprintf("e%d", w.ids)
	d.ev.Name = []string{"buy", "Order Paid", "view", "view", "cart"}[w.random.IntN(5)]
	var b strings.Builder
	fmt.Fprintf(&b, `{"event_id":"%s","event":"%s"`, d.ev.ID, d.ev.Name)
	switch {
	case w.History:
		w.history += int64(w.random.IntN(2) * w.random.IntN(20_000))
		d.ev.Time = w.history
		fmt.Fprintf(&b, `,"time":%d`, d.ev.Time)
	case w.random.IntN(3) > 0:
		d.ev.Time = w.clock - int64(w.random.IntN(2)*w.random.IntN(30_000))
		if w.random.IntN(10) == 0 {
			d.ev.Time += 60_000 // a producer's clock that runs ahead
		}
		fmt.Fprintf(&b, `,"time":%d`, d.ev.Time)
	}
	b.WriteString(`,"identifiers":{`)
	for i, typ := range sortedKeys(ids) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%s":["%s"]`, typ, strings.Join(ids[typ], `","`))
	}
	b.WriteString(`},"properties":{`)
	if strings.Contains("view cart", d.ev.Name) {
		d.ev.Category = []string{"skin", "hair", "tea"}[w.random.IntN(3)]
		fmt.Fprintf(&b, `"category":"%s"`, d.ev.Category)
	} else if w.random.IntN(8) > 0 {
		d.ev.Amount = fmt.Sprintf("%d.%02d", w.random.IntN(120), w.random.IntN(100))
		fmt.Fprintf(&b, `"amount":%s`, d.ev.Amount)
	}
	b.WriteString("}}")
	d.json = b.String()
	return d
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// load appends the next raw record to the events, as producers do.
func (w *World) load() {
	if w.loaded == w.Records {
		return
	}
	w.loaded++
	var drafts []draft
	text := ""
	switch k := w.random.IntN(12); {
	case k == 0 && w.has(Poison):
		d := w.poison()
		drafts, text = []draft{d}, d.json
	case k <= 2 && w.has(Repeats) && len(w.past) > 0: // a producer that got no answer sends the record again
		drafts = w.past[w.random.IntN(len(w.past))]
	case k == 3: // a record of several events
		drafts = []draft{w.happen(), w.happen()}
	default:
		drafts = []draft{w.happen()}
	}
	if text == "" {
		w.past = append(w.past, drafts)
		if text = drafts[0].json; len(drafts) > 1 {
			text = "[" + drafts[0].json + "," + drafts[1].json + "]"
		}
	}
	p := w.random.IntN(w.Events)
	w.gap(p)
	offset, at := w.broker.end(place{w.topics.Events, p}), w.clock
	if w.has(OwnTimes) {
		at -= int64(w.random.IntN(2) * w.random.IntN(20_000))
	}
	for i := range drafts {
		ev := drafts[i].ev
		ev.At = model.Place{Partition: p, Offset: offset, Index: i}
		ev.Logged, ev.Stamped = w.clock, at
		if w.History && ev.Time > 0 {
			ev.Logged = ev.Time // by the only clock that counts
		}
		w.sent = append(w.sent, &ev)
	}
	w.items[p], w.voids[p] = append(w.items[p], len(drafts)), append(w.voids[p], holdsRecord)
	w.logf("producer: record %d of events %d at %d: %.200s", offset, p, at, text)
	w.broker.append(request{place{w.topics.Events, p}, []kafka.Record{{Value: []byte(text)}}, at, !w.has(OwnTimes)})
	w.gap(p)
}

// poison is a record that is no event of the contract.
func (w *World) poison() draft {
	list := []struct{ text, reason string }{
		{`{"event":`, "not_json"}, {"", "not_json"}, {`[]`, "wrong_shape"}, {`42`, "wrong_shape"}, {`{"event":"view"}`, "no_identifier"}, {`{"event":7,"identifiers":{"device_id":"d"}}`, "wrong_shape"},
		{`{"event":"a","event":"b","identifiers":{"device_id":"d"}}`, "duplicate_key"},
	}
	k := list[w.random.IntN(len(list))]
	if w.random.IntN(40) == 0 {
		k.text, k.reason = `{"event":"`+strings.Repeat("x", 256<<10)+`"}`, "event_too_large"
	}
	return draft{model.Event{Reject: k.reason, Raw: k.text}, k.text}
}

// foreign appends a record of another deployment to an inbox or to the facts.
func (w *World) foreign() {
	other := w.dep
	other.ID = "another"
	var e wire.Encoder
	if w.random.IntN(2) == 0 {
		r := wire.InboxRecord{Deployment: other.Hash(), Source: wire.FromRouter, Ticks: []wire.Tick{{Stamp: w.clock + 1_000_000}}}
		r.Encode(&e)
		w.broker.append(request{place{w.topics.Inbox, w.random.IntN(w.Inbox)}, []kafka.Record{{Value: e.B}}, w.clock, false})
		return
	}
	r := wire.FactsRecord{Deployment: other.Hash(), Seq: 900}
	r.Encode(&e)
	w.broker.append(request{place{w.topics.Facts, w.random.IntN(w.Facts)}, []kafka.Record{{Value: e.B}}, w.clock, false})
}

// coordinator brings one catalogue to the machines; it may die, and another begins anew.
type coordinator struct {
	outputs  []pipeline.Output
	next     int
	appended bool
}

func (w *World) activate(version int64) {
	w.logf("coordinator: brings catalogue %d", version)
	w.coordinators = append(w.coordinators, &coordinator{outputs: pipeline.Activation(&w.dep, w.topics, version, w.catalogText(version))})
}

// step sends the next output, or takes its acknowledgement.
func (c *coordinator) step(w *World) (done bool) {
	switch {
	case c.next == len(c.outputs):
		return true
	case w.broker.away || w.chance(LostRequests, 8):
	case w.chance(Activations, 5):
		w.logf("coordinator: dies at output %d, another begins anew", c.next)
		c.next, c.appended = 0, false
	case c.appended && w.chance(LostAcks, 8):
		c.appended = false
	case c.appended:
		c.next, c.appended = c.next+1, false
	default:
		o := c.outputs[c.next]
		w.broker.append(request{place{o.Topic, o.Partition}, []kafka.Record{o.Record}, w.clock, false})
		c.appended = true
	}
	return false
}
