package schemas_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"portrait/schemas"
)

// FuzzParseDecimal compares with exact arithmetic on the same text: refused or rounded half away from
// zero at the sixth decimal; and what is written reads the same again.
func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"0", "-1.5", "1e3", "0.0000005", "999999999999.999999", "1e400", "-0.0000004", "1.", ".5", "1E-7", "00012", "1e-400"} {
		f.Add(s)
	}
	micros := new(big.Rat).SetInt64(int64(schemas.DecimalOne))
	most := new(big.Rat).SetInt64(int64(schemas.MaxDecimal))
	f.Fuzz(func(t *testing.T, s string) {
		d, err := schemas.ParseDecimal(s)
		if err != nil {
			if err.Error() == "" || d != 0 {
				t.Fatalf("refused without a reason, or with %v", d)
			}
			return
		}
		exact, ok := new(big.Rat).SetString(s)
		if !ok {
			t.Fatalf("%q is no number to math/big, and became %v", s, d)
		}
		off := new(big.Rat).Sub(exact.Mul(exact, micros), new(big.Rat).SetInt64(int64(d)))
		if off.Abs(off).Cmp(big.NewRat(1, 2)) > 0 || new(big.Rat).Abs(new(big.Rat).SetInt64(int64(d))).Cmp(most) > 0 {
			t.Fatalf("%q became %v", s, d)
		}
		if again, err := schemas.ParseDecimal(d.String()); err != nil || again != d {
			t.Fatalf("%v is written %q, which reads %v, %v", d, d.String(), again, err)
		}
	})
}

// FuzzParseIdentifier: a text has a type and a value, or is refused with what is wanted.
func FuzzParseIdentifier(f *testing.F) {
	for _, s := range []string{"phone:1", "openid@wx:o:1", ":", "a:", ":b", "device_id", "a@b@c:d", "\xff:\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := schemas.ParseIdentifier(s)
		base := schemas.BaseType(s)
		if strings.ContainsAny(base, "@:") || !strings.HasPrefix(s, base) {
			t.Fatalf("base type %q of %q", base, s)
		}
		if err != nil {
			if !strings.Contains(err.Error(), "want type:value") {
				t.Fatalf("refused without a remedy: %v", err)
			}
			return
		}
		if id.String() != s || id.Type == "" || id.Value == "" || schemas.BaseType(id.Type) != base {
			t.Fatalf("%q became %+v", s, id)
		}
	})
}

// FuzzParseDeployment: a record is refused with what is wrong, or everything that is sized by it is
// bounded, and it has the same hash after it was written and read again.
func FuzzParseDeployment(f *testing.F) {
	dep := schemas.DefaultDeployment()
	dep.ID = "fuzz"
	good, err := json.Marshal(dep)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, s := range []string{"", "{}", "null", `{"id":"a","inbox_partitions":9223372036854775807}`, string(good[:len(good)-9]), string(good) + "{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := schemas.ParseDeployment(b)
		if err != nil {
			if d != nil || !strings.HasPrefix(err.Error(), "deployment") {
				t.Fatalf("%v, %v", d, err)
			}
			return
		}
		if max(d.EventsPartitions, d.InboxPartitions, d.FactsPartitions) > schemas.MaxPartitions || d.DedupeIDs > 1<<16 || d.QueueLimit > 1<<16 || d.LinksRemembered > 1<<16 {
			t.Fatalf("unbounded: %+v", d)
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err := schemas.ParseDeployment(text)
		if err != nil || again.Hash() != d.Hash() {
			t.Fatalf("the second time: %v", err)
		}
	})
}
