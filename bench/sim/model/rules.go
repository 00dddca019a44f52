package model

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// This file is the shop's catalogue once more, over lists of raw events.

func named(c *counted, names ...string) bool {
	name := c.ev.Name
	if name == "Order Paid" {
		name = "buy"
	}
	return slices.Contains(names, name)
}

// only returns the events with one of the names. Those counted before the first catalogue are in no feature.
func only(h []*counted, names ...string) []*counted {
	var out []*counted
	for _, c := range h {
		if c.catalog > 0 && named(c, names...) {
			out = append(out, c)
		}
	}
	return out
}

// minute returns the events in the window of 60 s in buckets of 2 s, at now or at the newest of them.
func minute(h []*counted, now int64) []*counted {
	now = max(now, newest(h))
	var out []*counted
	for _, c := range h {
		if k := c.time / 2000; k > now/2000-30 && k <= now/2000 {
			out = append(out, c)
		}
	}
	return out
}

func newest(h []*counted) int64 {
	at := int64(-1)
	for _, c := range h {
		at = max(at, c.time)
	}
	return at
}

func sum(h []*counted) *big.Rat {
	total := new(big.Rat)
	for _, c := range h {
		if n, ok := new(big.Rat).SetString(c.ev.Amount); ok {
			total.Add(total, n)
		}
	}
	return total
}

func withAmount(h []*counted) []*counted {
	return slices.DeleteFunc(slices.Clone(h), func(c *counted) bool { return c.ev.Amount == "" })
}

func kinds(h []*counted) int64 {
	seen := map[string]bool{}
	for _, c := range h {
		seen[c.ev.Category] = true
	}
	return int64(len(seen))
}

// tags returns those that are on at now, with their values.
func (j *judge) tags(h []*counted, now int64, phones int) map[string]any {
	on := map[string]any{}
	buys, carts := only(h, "buy"), only(h, "cart")
	if len(buys) > 0 {
		on["buyer"] = true
	}
	if sum(minute(withAmount(buys), now)).Cmp(big.NewRat(100, 1)) >= 0 {
		on["spender"] = true
	}
	if kinds(minute(only(h, "cart", "view"), now)) >= 2 {
		on["curious"] = true
	}
	if len(only(h, "buy", "cart", "view")) >= 5 {
		on["heavy"] = true
	}
	if phones > 0 {
		on["phoned"] = true
	}
	if age := max(now-newest(carts), 0); len(carts) > 0 && age > 5_000 && age <= 40_000 {
		on["waiting"] = true
	}
	switch {
	case len(buys) > 0 && now-newest(buys) > 45_000:
		on["lifecycle"] = "dormant"
	case len(buys) > 1:
		on["lifecycle"] = "repeat"
	case len(buys) == 1:
		on["lifecycle"] = "new"
	default:
		on["lifecycle"] = "potential"
	}
	return on
}

// features returns the numbers by name.
func features(h []*counted, now int64) map[string]*big.Rat {
	whole := func(n int64) *big.Rat { return big.NewRat(n, 1) }
	buys, carts, seen := only(h, "buy"), only(h, "cart"), only(h, "cart", "view")
	out := map[string]*big.Rat{
		"events": whole(int64(len(only(h, "buy", "cart", "view")))), "buys": whole(int64(len(buys))), "carts": whole(int64(len(carts))),
		"paid": sum(buys), "paid_1m": sum(minute(withAmount(buys), now)), "cats": whole(kinds(seen)), "cats_1m": whole(kinds(minute(seen, now))),
	}
	if len(buys) > 0 {
		out["since_buy"] = big.NewRat(max(now-newest(buys), 0), 1000)
	}
	if len(carts) > 0 {
		out["since_cart"] = big.NewRat(max(now-newest(carts), 0), 1000)
	}
	return out
}

// documents compares every surviving profile with the raw events.
func (j *judge) documents() {
	for id, d := range j.Documents {
		h := j.history(id, 1<<60)
		if int64(len(h)) != d.Events {
			j.fault("profile %s says %d events, facts %d", id, d.Events, len(h))
		}
		want := features(h, d.AsOf)
		for name, text := range d.Features {
			got, ok := new(big.Rat).SetString(text)
			exp := want[name]
			if exp == nil {
				exp = new(big.Rat)
			}
			if !ok || got.Cmp(exp) != 0 {
				j.fault("profile %s: feature %s is %s, raw events give %s", id, name, text, exp.FloatString(6))
			}
			delete(want, name)
		}
		for name, exp := range want {
			if exp.Sign() != 0 {
				j.fault("profile %s: feature %s is absent, raw events give %s", id, name, exp.FloatString(6))
			}
		}
		j.documentTags(d, h)
	}
}

func (j *judge) documentTags(d *Document, h []*counted) {
	if want := fmt.Sprintf("shop@%d", j.Catalog); d.Catalog != want {
		j.fault("profile %s is of catalogue %s at rest, want %s", d.Profile, d.Catalog, want)
		return
	}
	phones := 0
	for _, id := range d.Identifiers {
		if typeOf(id) == "phone" {
			phones++
		}
	}
	want := j.tags(h, j.Now[d.Home], phones)
	if j.Catalog == 2 {
		delete(want, "curious")
	} else {
		delete(want, "heavy")
	}
	if fmt.Sprint(want) != fmt.Sprint(d.Tags) {
		j.fault("profile %s: tags at rest %v, raw events give %v", d.Profile, d.Tags, want)
	}
}

// chains checks the contract of tag changes: they are chained without a gap, none says what was so
// already, a document's tags are those of its changes, and a loser ends with nothing on and one merged.
func (j *judge) chains() {
	type state struct {
		on     map[string]any
		before uint64
		winner string
	}
	profiles := map[string]*state{}
	for _, c := range j.Changes {
		p := profiles[c.Profile]
		if p == nil {
			p = &state{on: map[string]any{}}
			profiles[c.Profile] = p
		}
		if c.PreviousVersion != p.before || c.Version <= p.before {
			j.fault("profile %s: change %d follows %d, says it follows %d", c.Profile, c.Version, p.before, c.PreviousVersion)
		}
		p.before = c.Version
		if c.Kind == "merged" {
			if len(p.on) > 0 || c.Winner == "" || p.winner != "" {
				j.fault("profile %s: merged into %q with %v on", c.Profile, c.Winner, p.on)
			}
			p.winner = c.Winner
			continue
		}
		off := func(v any) bool { return v == nil || v == false }
		if was := p.on[c.Tag]; p.winner != "" || was != c.Previous && !(was == nil && off(c.Previous)) {
			j.fault("profile %s: tag %s was %v, change %d says %v (winner %q)", c.Profile, c.Tag, was, c.Version, c.Previous, p.winner)
		}
		kind := map[bool]string{true: "entered", false: map[bool]string{true: "left", false: "changed"}[off(c.Value)]}[off(c.Previous)]
		if kind != c.Kind || c.Value == c.Previous {
			j.fault("profile %s: tag %s goes from %v to %v as %s", c.Profile, c.Tag, c.Previous, c.Value, c.Kind)
		}
		p.on[c.Tag] = c.Value
		if off(c.Value) {
			delete(p.on, c.Tag)
		}
	}
	winners := map[string]string{}
	for id, p := range profiles {
		d := j.Documents[id]
		if (p.winner == "") != (d != nil) {
			j.fault("profile %s: winner %q, document %v", id, p.winner, d != nil)
		} else if d != nil && (fmt.Sprint(p.on) != fmt.Sprint(d.Tags) || p.before != d.TagVersion) {
			j.fault("profile %s: changes up to %d leave %v, its document has %v at %d", id, p.before, p.on, d.Tags, d.TagVersion)
		}
		if p.winner != "" {
			winners[id] = p.winner
		}
	}
	j.survivors(winners)
}

// survivors follows the winners that consumers were told: they end where the relation of merges does.
func (j *judge) survivors(winners map[string]string) {
	last := map[string]Fact{}
	for _, list := range j.Facts {
		for _, f := range list {
			if f.Kind == "merge" {
				if old, ok := last[f.Loser]; !ok || f.Rank < old.Rank {
					last[f.Loser] = f
				}
			}
		}
	}
	for loser, winner := range winners {
		for hops := 0; winners[winner] != ""; hops++ {
			if hops > len(winners) {
				j.fault("winners of %s go in a circle", loser)
				return
			}
			winner = winners[winner]
		}
		if j.Documents[winner] == nil {
			j.fault("profile %s went into %s, which does not survive", loser, winner)
		}
		if f, ok := last[loser]; ok && f.Profile != winner {
			j.fault("profile %s: changes lead to %s, facts to %s", loser, winner, f.Profile)
		}
	}
	for id, list := range j.counted {
		if f, ok := last[id]; ok {
			id = f.Profile
		}
		if j.Documents[id] == nil {
			j.fault("%d events resolve to profile %s, which does not survive", len(list), id)
		}
	}
}

// reason names what stands between two profiles, "" if nothing does.
func (j *judge) reason(a, b *Document, edge ...string) string {
	count := func(d *Document) (by map[string]int, strong bool) {
		by = map[string]int{}
		for _, id := range d.Identifiers {
			by[typeOf(id)]++
			strong = strong || !slices.Contains(j.Weak, typeOf(id))
		}
		return by, strong
	}
	x, xStrong := count(a)
	y, yStrong := count(b)
	for t, n := range y {
		if x[t]+n > j.Limits[t] {
			return "limit of " + t
		}
	}
	if xStrong && yStrong && slices.ContainsFunc(edge, func(id string) bool { return slices.Contains(j.Weak, typeOf(id)) }) {
		return "weak edge " + strings.Join(edge, " ")
	}
	return ""
}
