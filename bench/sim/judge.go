package sim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"portrait/bench/sim/model"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// judge checks everything that is promised of a run, at rest.
func (w *World) judge() {
	refs, err := w.replayAll()
	if err != nil {
		w.fault("run once more without faults: %v", err)
		return
	}
	w.compare(refs)
	w.compareHoles(refs)
	w.compareClickHouse()
	w.checkRest(refs)
	if len(w.faults) > 0 {
		return // what follows would only repeat it
	}
	in, err := w.input(refs)
	if err != nil {
		w.fault("an output does not decode: %v", err)
		return
	}
	for _, what := range model.Judge(in) {
		w.fault("%s", what)
	}
}

// unruled reports whether events may come before the first catalogue.
func (w *World) unruled() bool { return w.Race }

// input translates what was received for the model; compare has found it equal to the references.
func (w *World) input(refs []*reference) (model.Input, error) {
	in := model.Input{Sent: w.sent, Documents: map[string]*model.Document{}, Parents: map[string]string{}, Roots: map[string]string{},
		Catalog: w.version, Limits: w.limits(), Blocked: "", Remembered: w.DedupeIDs,
		Clamped: w.has(Skew) || w.has(Jumps), Early: w.has(Ahead), Unruled: w.unruled(), Forgets: w.QueueLimit < 64 || w.Links < 64}
	if w.Weak {
		in.Weak = identifierTypes[1:]
	}
	if w.has(Junk) {
		in.Blocked = "device_id:" + blockedDevice
	}
	for q, r := range refs {
		in.Now = append(in.Now, r.watermark)
		in.Facts = append(in.Facts, translateFacts(r.decoded, r.now, in.Roots))
		for child, parent := range r.accepted {
			if in.Parents[child] == "" {
				in.Parents[child] = parent
			}
		}
		for i := range r.tags {
			c, err := translateChange(r.tags[i].Value)
			if err != nil {
				return in, err
			}
			in.Changes = append(in.Changes, c)
		}
		for i := range r.documents {
			key := string(r.documents[i].Key)
			delete(in.Documents, key)
			if r.documents[i].Value == nil {
				continue
			}
			d, err := translateDocument(r.documents[i].Value)
			if err != nil {
				return in, err
			}
			d.Home, in.Documents[key] = q, d
		}
	}
	for _, r := range refs {
		for key, value := range r.end.data {
			if key[0] != nodeKey {
				continue
			}
			if n := decodeNode(key, value); n.Root != nil {
				for id, d := range in.Documents {
					if len(d.Identifiers) > 0 && n.Root.Has(d.Identifiers[0]) {
						in.Roots[id] = n.ID
					}
				}
			}
		}
	}
	return in, nil
}

func uuidText(b [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

var factKinds = map[wire.FactKind]string{wire.FactEvent: "event", wire.FactDuplicate: "duplicate", wire.FactRejected: "rejected",
	wire.FactMerge: "merge", wire.FactEdge: "edge", wire.FactTag: "tag", wire.FactProfile: "doc", wire.FactHole: "hole"}

// translateFacts reads the facts of one machine, and notes the roots of profiles that were absorbed.
func translateFacts(facts []wire.Fact, now []int64, roots map[string]string) []model.Fact {
	var out []model.Fact
	for i := range facts {
		f := &facts[i]
		m := model.Fact{Kind: factKinds[f.Kind], Version: f.Version, Profile: uuidText(f.Profile), Decided: f.Decided, Catalog: f.Catalog, Now: now[i]}
		switch f.Kind {
		case wire.FactEvent, wire.FactDuplicate:
			m.At, m.Time = translatePlace(f.Event.At), f.Event.Time
		case wire.FactRejected:
			m.At, m.Reason = translatePlace(f.Rejected.At), f.Rejected.Reason
		case wire.FactMerge:
			m.Loser, m.Root, m.Rank = uuidText(f.Merge.Loser), f.Merge.Root, f.Merge.Rank
			roots[m.Loser] = m.Root
		case wire.FactTag:
			m.Tag, m.Value, m.Cause, m.Deadline = f.Tag.Tag, f.Tag.Value, f.Tag.CauseKind, f.Tag.EventTime
		}
		out = append(out, m)
	}
	return out
}

func translatePlace(p wire.Position) model.Place {
	return model.Place{Partition: int(p.Partition), Offset: p.Offset, Index: int(p.Index)}
}

func translateChange(text []byte) (model.Change, error) {
	var c schemas.TagChange
	if err := json.Unmarshal(text, &c); err != nil {
		return model.Change{}, err
	}
	return model.Change{Profile: c.ProfileID, Tag: c.Tag, Kind: string(c.Change), Value: c.Value, Previous: c.Previous,
		Version: c.Version, PreviousVersion: c.PreviousVersion, Winner: c.Winner}, nil
}

func translateDocument(text []byte) (*model.Document, error) {
	var d schemas.ProfileDoc
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, err
	}
	asOf, err := time.Parse(time.RFC3339, d.AsOf)
	out := &model.Document{Profile: d.ProfileID, TagVersion: d.TagVersion, Catalog: d.Catalog, AsOf: asOf.UnixMilli(), Events: d.Events,
		Tags: d.Tags, Features: map[string]string{}}
	for typ, values := range d.Identifiers {
		for _, v := range values {
			out.Identifiers = append(out.Identifiers, typ+":"+v)
		}
	}
	for name, value := range d.Features {
		out.Features[name] = strings.TrimSpace(string(value))
	}
	return out, err
}
