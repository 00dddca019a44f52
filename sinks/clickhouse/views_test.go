package clickhouse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"portrait/schemas/wire"
)

// accountedLog has three events partitions: offsets 0 to 39 and 100 to 119, some records of two items, and in
// the third offsets 200 to 249, of which 200, 201 and the last five of each ten hold no event.
func accountedLog(c Config) *writer {
	w := newWriter(c.Deployment)
	item := func(version uint64, partition int32, offset int64, index int32) wire.Fact {
		at := wire.Position{Partition: partition, Offset: offset, Index: index}
		switch offset % 10 {
		case 3:
			return wire.Fact{Kind: wire.FactDuplicate, Version: version, Event: &wire.Event{At: at, ID: "again"}}
		case 7:
			return wire.Fact{Kind: wire.FactRejected, Version: version, Rejected: &wire.Rejected{At: at, Reason: "not_json"}}
		}
		f := eventFact(version, offset, int(offset), "viewed", begin)
		f.Event.At = at
		return f
	}
	version := uint64(1)
	for offset := range int64(40) {
		w.add(0, begin, item(version, 0, offset, 0), item(version+1, 0, offset, 1))
		version += 2
	}
	for offset := int64(100); offset < 120; offset++ {
		w.add(1, begin, item(version, 1, offset, 0))
		version++
	}
	hole := func(first, last int64) {
		w.add(0, begin, wire.Fact{Kind: wire.FactHole, Version: version, Hole: &wire.Hole{
			At: wire.Position{Partition: 2, Offset: last}, Offsets: last - first + 1}})
		version++
	}
	hole(200, 201)
	for offset := int64(202); offset < 245; offset++ {
		switch offset % 10 {
		case 5:
			hole(offset, offset+4)
		case 0, 1, 2, 3, 4:
			w.add(1, begin, item(version, 2, offset, 0))
			version++
		}
	}
	w.add(0, begin+2000)
	return w
}

// storeAccounted stores the accounted log as an epoch, and then damages what is stored by statements that name the epoch as %d.
func storeAccounted(t *testing.T, conn driver.Conn, epoch int, damage string) {
	t.Helper()
	c := testConfig(epoch)
	c.Rule = DefaultRule()
	runToEnd(t, conn, c, accountedLog(c))
	for _, statement := range strings.Split(damage, "; ") {
		if statement != "" {
			mustExec(t, conn, fmt.Sprintf(statement, epoch))
		}
	}
}

func TestAccountingNotices(t *testing.T) {
	const columns = "(stored, duplicates, rejected, doubled, missing_offsets, missing_indexes, expected, ok)"
	const whole = "(64,8,8,0,0,0,80,1)"
	_, conn := startDatabase(t)
	epoch := 0
	for _, x := range []struct {
		name   string
		damage string // %d: the epoch
		want   string
	}{
		{"nothing, when nothing is wrong", "", whole},
		{"a row dropped in the middle", "DELETE FROM events WHERE epoch = %d AND events_partition = 0 AND events_offset = 20 AND events_index = 0", "(63,8,8,0,0,1,80,0)"},
		{"a record dropped in the middle", "DELETE FROM events WHERE epoch = %d AND events_partition = 0 AND events_offset = 20", "(62,8,8,0,1,0,80,0)"},
		{"the first record dropped", "DELETE FROM events WHERE epoch = %d AND events_partition = 0 AND events_offset = 0", "(62,8,8,0,0,0,80,0)"},
		{"the last row dropped", "DELETE FROM events WHERE epoch = %d AND events_partition = 0 AND events_offset = 39 AND events_index = 1", "(63,8,8,0,0,0,80,0)"},
		{"a duplicate dropped", "DELETE FROM duplicates WHERE epoch = %d AND events_partition = 0 AND events_offset = 13 AND events_index = 1", "(64,7,8,0,0,0,80,0)"},
		{"a rejection dropped", "DELETE FROM rejections WHERE epoch = %d AND events_partition = 0 AND events_offset = 17", "(64,8,6,0,1,0,80,0)"},
		{"a row doubled", "INSERT INTO events SELECT * FROM events WHERE epoch = %d AND events_partition = 0 AND events_offset = 5 AND events_index = 0", "(65,8,8,1,0,0,80,0)"},
		{"everything dropped", "DELETE FROM events WHERE epoch = %d AND events_partition = 0", "(0,8,8,0,27,0,80,0)"},
	} {
		t.Run(x.name, func(t *testing.T) {
			epoch++
			storeAccounted(t, conn, epoch, x.damage)
			get := func(partition int) string {
				return ask(t, conn, fmt.Sprintf("SELECT %s FROM accounting WHERE epoch = %d AND events_partition = %d", columns, epoch, partition))
			}
			if got := get(0); got != x.want {
				t.Errorf("%s\n got %s\nwant %s", columns, got, x.want)
			}
			if got, want := get(1), "(16,2,2,0,0,0,20,1)"; got != want {
				t.Errorf("the other partition: got %s, want %s", got, want)
			}
		})
	}
}

// TestAccountingOfHoles sees offsets without an event explained, and a loss all the same.
func TestAccountingOfHoles(t *testing.T) {
	const columns = "(stored, duplicates, rejected, holes, without_event, doubled, missing_offsets, missing_indexes, first_offset, last_offset, expected, ok)"
	const whole = "(18,5,0,5,22,0,0,0,200,244,28,1)"
	_, conn := startDatabase(t)
	epoch := 0
	for _, x := range []struct {
		name   string
		damage string // %d: the epoch
		want   string
	}{
		{"nothing, when nothing is wrong", "", whole},
		{"an event dropped", "DELETE FROM events WHERE epoch = %d AND events_partition = 2 AND events_offset = 221", "(17,5,0,5,22,0,1,0,200,244,28,0)"},
		{"the first event dropped", "DELETE FROM events WHERE epoch = %d AND events_partition = 2 AND events_offset = 202", "(17,5,0,5,22,0,1,0,200,244,28,0)"},
		{"the last event dropped", "DELETE FROM events WHERE epoch = %d AND events_partition = 2 AND events_offset = 244", "(17,5,0,5,22,0,0,0,200,243,28,0)"},
		{"a hole dropped", "DELETE FROM offsets_without_event WHERE epoch = %d AND events_partition = 2 AND last_offset = 219", "(18,5,0,4,17,0,5,0,200,244,28,0)"},
		{"the first hole dropped", "DELETE FROM offsets_without_event WHERE epoch = %d AND events_partition = 2 AND last_offset = 201", "(18,5,0,4,20,0,0,0,202,244,28,0)"},
		{"a hole doubled", "INSERT INTO offsets_without_event SELECT * FROM offsets_without_event WHERE epoch = %d AND events_partition = 2 AND last_offset = 219", "(18,5,0,6,22,1,0,0,200,244,28,0)"},
		{"an event lost, another in a hole", "INSERT INTO events SELECT * REPLACE(toInt64(217) AS events_offset) FROM (SELECT * FROM events WHERE epoch = %d AND events_partition = 2 AND events_offset = 221); " +
			"DELETE FROM events WHERE epoch = %[1]d AND events_partition = 2 AND events_offset = 221", "(18,5,0,5,22,1,1,0,200,244,28,0)"},
	} {
		t.Run(x.name, func(t *testing.T) {
			epoch++
			storeAccounted(t, conn, epoch, x.damage)
			if got := ask(t, conn, fmt.Sprintf("SELECT %s FROM accounting WHERE epoch = %d AND events_partition = 2", columns, epoch)); got != x.want {
				t.Errorf("%s\n got %s\nwant %s", columns, got, x.want)
			}
		})
	}
}

// survivorsText returns the dictionary as text.
func survivorsText(t *testing.T, conn driver.Conn) string {
	t.Helper()
	return ask(t, conn, `SELECT arrayStringConcat(arraySort(groupArray(
		toString(toUInt32OrZero(substring(unhex(replaceAll(toString(loser), '-', '')), 8))) || '>' ||
		toString(toUInt32OrZero(substring(unhex(replaceAll(toString(winner), '-', '')), 8))))), ' ') FROM surviving_profile`)
}

func TestIdentityNow(t *testing.T) {
	_, conn := startDatabase(t)
	c := testConfig(1)
	c.Rule = DefaultRule() // one block: with the merges everything is there
	w := newWriter(c.Deployment)
	for who := 1; who <= 5; who++ {
		w.add(0, begin, eventFact(uint64(who), int64(who), who, "viewed", begin))
	}
	tag := wire.Fact{Kind: wire.FactTag, Version: 9, Profile: person(3), Tag: &wire.Tag{Tag: "new", Change: "entered"}}
	w.add(0, begin, tag)
	// 3 goes into 2 (told by source 1, with large numbers), then 2 into 1 (told by source 0, with small
	// ones, and 3 again); 5 into 4 arrives behind 4 into 1.
	w.add(1, begin, mergeFact(900_000, 3, 2, begin+1))
	w.add(0, begin, mergeFact(10, 2, 1, begin+2), mergeFact(11, 3, 1, begin+2))
	w.add(0, begin, mergeFact(12, 4, 1, begin+3), mergeFact(13, 5, 1, begin+3))
	w.add(1, begin, mergeFact(900_001, 5, 4, begin+2))
	doc := func(version uint64, who int, events int64, deleted bool, winner string) wire.Fact {
		return wire.Fact{Kind: wire.FactProfile, Version: version, Profile: person(who),
			Doc: &wire.Doc{Events: events, Deleted: deleted, Winner: winner, AsOf: begin, FirstSeen: begin, LastSeen: begin}}
	}
	w.add(0, begin, doc(1, 1, 1, false, ""), doc(2, 2, 1, false, ""))
	w.add(0, begin, doc(20, 1, 5, false, ""), doc(21, 2, 0, true, "70657273-6f6e-2d30-3030-303030303031"))
	w.add(0, begin+2000)
	if got := survivorsText(t, conn); got != "" {
		t.Fatalf("merged before anything happened: %s", got)
	}
	runUntil(t, conn, c, w, func() bool { return survivorsText(t, conn) == "2>1 3>1 4>1 5>1" })
	for _, x := range []struct{ name, got, want string }{
		{"events now", ask(t, conn, "SELECT (uniqExact(profile_id), uniqExact(recorded_profile_id), count()) FROM events_now"), "(1,5,5)"},
		{"events as recorded", ask(t, conn, "SELECT (uniqExact(profile_id), count()) FROM events_recorded"), "(5,5)"},
		{"tag changes now", ask(t, conn, "SELECT (count(), countIf(profile_id = recorded_profile_id)) FROM tag_changes_now WHERE tag = 'new'"), "(1,0)"},
		{"profiles now", ask(t, conn, "SELECT groupArray((version, events)) FROM profiles_now"), "[(20,5)]"},
	} {
		if x.got != x.want {
			t.Errorf("%s: %s, want %s", x.name, x.got, x.want)
		}
	}
}

// A sink that died behind its last insert has told nobody of the merges in it.
func TestDictionaryIsCurrentAfterARestart(t *testing.T) {
	_, conn := startDatabase(t)
	if got := survivorsText(t, conn); got != "" {
		t.Fatalf("merged before anything happened: %s", got)
	}
	mustExec(t, conn, fmt.Sprintf("INSERT INTO identity_merges (loser, winner) VALUES ('%s', '%s')",
		"70657273-6f6e-2d30-3030-303030303032", "70657273-6f6e-2d30-3030-303030303031"))
	c := testConfig(1)
	runUntil(t, conn, c, newWriter(c.Deployment), func() bool { return survivorsText(t, conn) == "2>1" })
}

func TestReaderUsesTheViews(t *testing.T) {
	e, conn := startDatabase(t)
	c := testConfig(1)
	runToEnd(t, conn, c, accountedLog(c))
	reader := connect(t, e, Reader)
	for _, view := range []string{"events_now", "events_recorded", "tag_changes_now", "profiles_now", "accounting", "freshness", "events_per_minute", "surviving_profile"} {
		if n := ask(t, reader, "SELECT count() FROM portrait."+view); n == "" {
			t.Errorf("%s: no answer", view)
		}
	}
	steps, err := Funnel(t.Context(), readerOf(t, e), []string{"viewed"}, time.Hour, time.Time{}, time.Time{})
	if err != nil || steps[0].Profiles != 66 {
		t.Errorf("funnel of the reader: %v, %v", steps, err)
	}
}

func readerOf(t *testing.T, e *Kept) driver.Conn {
	t.Helper()
	return connectDatabase(t, fmt.Sprintf("clickhouse://%s@%s/%s", Reader, e.Addr(), DefaultDatabase))
}
