package check

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"portrait/bench"
	"portrait/bench/ledger"
	"portrait/schemas"
)

// features compares the features that do not move with time, in the latest document of each profile.
func (c *checker) features() (bench.Check, error) {
	var d differences
	rows, err := c.ask(3, fmt.Sprintf("SELECT toString(profile_id), toString(events), features FROM %s.profiles_now", c.Database))
	if err != nil {
		return bench.Check{}, err
	}
	documents := make(map[string][]string, len(rows))
	for _, row := range rows {
		documents[row[0]] = row
	}
	compared := 0
	for i, p := range c.people {
		profile, ok := c.relation.only(p.Number)
		if !ok {
			continue // check identity says so
		}
		row, ok := documents[profile]
		if !ok {
			d.add("person %d: profile %s has no document", p.Number, profile)
			continue
		}
		compared++
		var found map[string]json.RawMessage
		if err := json.Unmarshal([]byte(row[2]), &found); err != nil {
			d.add("profile %s: features are no JSON object", profile)
			continue
		}
		want := &c.expected[i].Features
		if events := fmt.Sprint(want.Events); row[1] != events {
			d.add("person %d: events %s instead of %s", p.Number, row[1], events)
		}
		compareFeatures(p.Number, want, found, &d)
	}
	return d.result("features of %d of %d people", compared, len(c.people)), nil
}

func compareFeatures(person int32, want *ledger.Features, found map[string]json.RawMessage, d *differences) {
	amount := func(n int64) schemas.Decimal { return schemas.Decimal(n) * schemas.DecimalOne }
	for _, f := range [...]struct {
		name string
		want schemas.Decimal
	}{
		{"orders", amount(want.Orders)}, {"coupon_orders", amount(want.CouponOrders)}, {"views", amount(want.Views)},
		{"checkins", amount(want.CheckIns)}, {"invites", amount(want.Invites)},
		{"paid_total", want.PaidTotal}, {"largest_order", want.LargestOrder},
	} {
		if have, err := decimal(found[f.name]); err != nil || have != f.want {
			d.add("person %d: %s is %s instead of %s", person, f.name, text(found[f.name]), f.want)
		}
	}
	for _, f := range [...]struct {
		name string
		want int64
	}{{"first_paid", want.FirstPaid}, {"last_paid", want.LastPaid}, {"last_cart", want.LastCart}} {
		if have, err := instant(found[f.name]); err != nil || have != f.want {
			d.add("person %d: %s is %s instead of %s", person, f.name, text(found[f.name]),
				time.UnixMilli(f.want).UTC().Format("2006-01-02T15:04:05.000Z"))
		}
	}
	var city string
	if raw := found["last_city"]; raw != nil {
		if err := json.Unmarshal(raw, &city); err != nil {
			city = text(raw)
		}
	}
	if city != want.LastCity {
		d.add("person %d: last_city is %q instead of %q", person, city, want.LastCity)
	}
}

// decimal reads a number exactly; absent and null are zero: nothing was counted.
func decimal(raw json.RawMessage) (schemas.Decimal, error) {
	if text(raw) == "null" {
		return 0, nil
	}
	return schemas.ParseDecimal(string(raw))
}

// instant reads a time as ms; absent and null are 0: it never happened.
func instant(raw json.RawMessage) (int64, error) {
	if text(raw) == "null" {
		return 0, nil
	}
	var t time.Time
	if err := json.Unmarshal(raw, &t); err != nil {
		return 0, err
	}
	return t.UnixMilli(), nil
}

func text(raw json.RawMessage) string {
	if raw == nil {
		return "null"
	}
	return string(raw)
}

// funnel lets ClickHouse compute the funnel per surviving profile. Times are given in milliseconds, so that the
// window's unit does not depend on the column's type.
func (c *checker) funnel() (bench.Check, error) {
	var d differences
	var conditions, names []string
	for _, step := range ledger.FunnelSteps() {
		conditions = append(conditions, fmt.Sprintf("event = '%s'", step))
		names = append(names, fmt.Sprintf("'%s'", step))
	}
	rows, err := c.ask(2, fmt.Sprintf("SELECT toString(profile_id), toString(windowFunnel(%d)(toUInt64(toUnixTimestamp64Milli(time)), %s)) "+
		"FROM %s.events_now WHERE event IN (%s) AND startsWith(event_id, '%s') GROUP BY profile_id",
		ledger.FunnelWindow.Milliseconds(), strings.Join(conditions, ", "), c.Database, strings.Join(names, ", "),
		c.Ledger.Run.EventPrefix()))
	if err != nil {
		return bench.Check{}, err
	}
	level := make(map[string]int64, len(rows))
	for _, row := range rows {
		if level[row[0]], err = number(row[1]); err != nil {
			return bench.Check{}, err
		}
	}
	reached := make([]int, len(ledger.FunnelSteps())+1)
	for i, p := range c.people {
		want := c.expected[i].Funnel
		reached[want]++
		if profile, ok := c.relation.only(p.Number); ok && level[profile] != int64(want) {
			d.add("person %d: %d steps instead of %d", p.Number, level[profile], want)
		}
	}
	for k := len(reached) - 2; k >= 0; k-- { // who reached a step reached those before
		reached[k] += reached[k+1]
	}
	return d.result("%d people viewed, %d filled a cart, %d paid within %v", reached[1], reached[2], reached[3],
		ledger.FunnelWindow), nil
}
