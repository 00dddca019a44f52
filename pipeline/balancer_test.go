package pipeline

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"portrait/pipeline/kafka"
)

// group draws members with claims over partitions: checkpoints of all ages, or none.
func group(t *rapid.T, logic ...int) (members []kafka.Member, claims map[string]*claim, partitions []int) {
	n := rapid.IntRange(1, 24).Draw(t, "partitions")
	claims = map[string]*claim{}
	reached := make([]int, n)
	for q := range n {
		partitions = append(partitions, q)
		reached[q] = rapid.SampledFrom(logic).Draw(t, "reached")
	}
	for i := range rapid.IntRange(1, 7).Draw(t, "members") {
		c := &claim{logic: rapid.SampledFrom(logic).Draw(t, "logic"), address: "h:1", positions: make([]int64, n), reached: make([]int, n)}
		for q := range n {
			if rapid.Bool().Draw(t, "has") {
				c.positions[q] = rapid.Int64Range(1, 5).Draw(t, "position")
			}
			c.reached[q] = rapid.SampledFrom([]int{logic[0], reached[q]}).Draw(t, "knows")
		}
		id := fmt.Sprintf("m%d", i)
		claims[id] = c
		members = append(members, kafka.Member{ID: id, Data: c.encode()})
	}
	return members, claims, partitions
}

// checkOwners verifies that each partition has exactly one owner, and returns it by partition.
func checkOwners(t *rapid.T, out map[string][]int) map[int]string {
	owners := map[int]string{}
	for id, list := range out {
		for _, q := range list {
			if other, twice := owners[q]; twice {
				t.Fatalf("partition %d belongs to %s and %s", q, other, id)
			}
			owners[q] = id
		}
	}
	return owners
}

// TestBalance: everybody gets as much as everybody else, whoever asks gets the same answer in whatever order
// members come, and as many partitions stay with a newest checkpoint as balance allows.
func TestBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, claims, partitions := group(t, 1)
		out := balancer{}.Assign(members, partitions)
		owners := checkOwners(t, out)
		if len(owners) != len(partitions) {
			t.Fatalf("%d of %d partitions have an owner", len(owners), len(partitions))
		}
		least, most := len(partitions)/len(members), (len(partitions)+len(members)-1)/len(members)
		for id := range claims {
			if n := len(out[id]); n < least || n > most {
				t.Fatalf("%s has %d partitions; want %d to %d", id, n, least, most)
			}
		}
		shuffled, mixed := slices.Clone(members), slices.Clone(partitions)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		if again := (balancer{}).Assign(shuffled, mixed); !maps.EqualFunc(out, again, slices.Equal) {
			t.Fatalf("the order of members or partitions shows: %v, then %v", out, again)
		}
		newest := func(q int) (p int64) {
			for _, c := range claims {
				p = max(p, c.positions[q])
			}
			return p
		}
		held, kept := map[string]int{}, 0
		for _, q := range partitions {
			if newest(q) == 0 {
				continue
			}
			for _, id := range slices.Sorted(maps.Keys(claims)) { // ties go to the first
				if claims[id].positions[q] == newest(q) {
					held[id]++
					break
				}
			}
			if claims[owners[q]].positions[q] == newest(q) {
				kept++
			}
		}
		can, rest := 0, len(partitions)%len(members)
		for _, n := range slices.Backward(slices.Sorted(maps.Values(held))) {
			quota := least
			if rest > 0 {
				quota, rest = least+1, rest-1
			}
			can += min(n, quota)
		}
		if kept < can {
			t.Fatalf("%d partitions stay with their newest checkpoint, %d could: %v", kept, can, out)
		}
	})
}

// TestBalanceOfVersions: a partition beyond its barrier goes to new binaries, one short of it to old ones, and
// to nobody when there is none of them.
func TestBalanceOfVersions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, claims, partitions := group(t, 1, 2)
		owners := checkOwners(t, balancer{}.Assign(members, partitions))
		for _, q := range partitions {
			reached, able := 0, false
			for _, c := range claims {
				reached = max(reached, c.reached[q])
			}
			for _, c := range claims {
				able = able || c.logic == reached
			}
			owner, owned := owners[q]
			if owned != able || owned && claims[owner].logic != reached {
				t.Fatalf("partition %d has reached version %d; its owner is %q", q, reached, owner)
			}
		}
	})
}

// TestStrangerInTheGroup: a member whose claim does not decode gets nothing and harms nobody.
func TestStrangerInTheGroup(t *testing.T) {
	good := &claim{logic: 1, positions: make([]int64, 3), reached: []int{1, 1, 1}}
	out := balancer{}.Assign([]kafka.Member{{ID: "stranger", Data: []byte{0xff}}, {ID: "us", Data: good.encode()}}, []int{0, 1, 2})
	if !slices.Equal(out["us"], []int{0, 1, 2}) || len(out["stranger"]) != 0 {
		t.Errorf("%v", out)
	}
}

func FuzzClaim(f *testing.F) {
	f.Add((&claim{logic: 3, address: "10.0.0.1:8280", positions: []int64{7, 0}, reached: []int{3, 1}}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeClaim(b)
		if err != nil {
			return
		}
		again, err := decodeClaim(c.encode())
		if err != nil || again.address != c.address || !slices.Equal(again.positions, c.positions) || !slices.Equal(again.reached, c.reached) {
			t.Fatalf("%+v became %+v, %v", c, again, err)
		}
	})
}
