package normalize

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"portrait/schemas"
	"portrait/schemas/wire"
)

func testNormalizer(t testing.TB) *Normalizer {
	t.Helper()
	n, err := New(testDeployment(t), testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// mac is the definition of a hashed value, written down a second time.
func mac(t testing.TB, canonical string) string {
	t.Helper()
	keys := testKeys(t)
	m := hmac.New(sha256.New, keys.identifiers[:])
	m.Write([]byte(canonical))
	return keys.ID() + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func normalised(t testing.TB, n *Normalizer, value string) (wire.Event, Repairs) {
	t.Helper()
	it := schemas.DecodeEvents([]byte(value))[0]
	if it.Err != nil {
		t.Fatalf("%s: %v", value, it.Err)
	}
	var ev wire.Event
	var repairs Repairs
	n.Event(it.Event, &ev, &repairs)
	return ev, repairs
}

func TestIdentifiers(t *testing.T) {
	phone, email := mac(t, "phone:+8613912345670"), mac(t, "email:alice@example.com")
	cases := []struct {
		name, identifiers string
		want              []string
		repairs           Repairs
	}{
		{"in order of priority", `{"device_id":"d1","phone":"139 1234 5670","customer_id":7,"email":"ALICE@example.com"}`,
			[]string{"customer_id:7", "phone:" + phone, "email:" + email, "device_id:d1"}, Repairs{}},
		{"ties by text", `{"device_id":["b","c","a"]}`, []string{"device_id:a", "device_id:b", "device_id:c"}, Repairs{}},
		{"each once", `{"phone":["13912345670","+86 139 1234 5670","0086-139-1234-5670"],"device_id":["a"," a "]}`, []string{"phone:" + phone, "device_id:a"}, Repairs{}},
		{"scopes belong to the identifier", `{"openid@wx2":"o","openid@wx1":"o","openid":"o","external_userid@corp-1.a":"e"}`,
			[]string{"external_userid@corp-1.a:e", "openid:o", "openid@wx1:o", "openid@wx2:o"}, Repairs{}},
		{"a scoped phone hashes as a phone", `{"phone@shop":"13912345670"}`, []string{"phone@shop:" + phone}, Repairs{}},
		{"hashed by the producer", `{"phone":"` + phone + `"}`, []string{"phone:" + phone}, Repairs{}},
		{"hashed with another key", `{"phone":"00000000` + phone[8:] + `"}`, []string{}, Repairs{InvalidPhone: 1}},
		{"repairs are counted", `{"phone":["1","13800138000"],"email":"x","device_id":["null","0"],"anonymous_id":"` + strings.Repeat("xy", 150) + `","tel":["1","2"]}`,
			[]string{}, Repairs{JunkIdentifier: 3, InvalidPhone: 1, InvalidEmail: 1, IdentifierTooLong: 1, UnknownType: 2}},
		{"types are as written", `{"Phone":"13912345670","phone ":"13912345670"}`, []string{}, Repairs{UnknownType: 2}},
		{"scopes that are none", `{"openid@":"o","openid@-a":"o","openid@a b":"o","openid@` + strings.Repeat("a", 65) + `":"o","openid@a@b":"o","@a":"o","":"o"}`, []string{}, Repairs{UnknownType: 7}},
		{"a colon in a type", `{"openid:x":"o"}`, []string{}, Repairs{UnknownType: 1}},
	}
	n := testNormalizer(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ev, repairs := normalised(t, n, `{"event":"a","identifiers":`+c.identifiers+`}`)
			if !slices.Equal(ev.Identifiers, c.want) {
				t.Errorf("identifiers %q\nwant        %q", ev.Identifiers, c.want)
			}
			if repairs != c.repairs {
				t.Errorf("repairs %v, want %v", repairs, c.repairs)
			}
		})
	}
}

func TestSensitiveProperties(t *testing.T) {
	phone, email := mac(t, "phone:+8613912345670"), mac(t, "email:alice@example.com")
	cases := []struct {
		name, fields string
		want         []wire.Prop
	}{
		{"phone in any form", `"properties":{"phone":"139 1234 5670"}`, []wire.Prop{{Key: "phone", Kind: wire.PropString, Text: phone}}},
		{"phone as a number", `"properties":{"phone":13912345670}`, []wire.Prop{{Key: "phone", Kind: wire.PropString, Text: phone}}},
		{"mobile joins with phone", `"properties":{"Mobile":"+8613912345670"}`, []wire.Prop{{Key: "Mobile", Kind: wire.PropString, Text: phone}}},
		{"email", `"properties":{"EMAIL":" Alice@Example.com"}`, []wire.Prop{{Key: "EMAIL", Kind: wire.PropString, Text: email}}},
		{"a phone that is none", `"properties":{"phone":" 12345 "}`, []wire.Prop{{Key: "phone", Kind: wire.PropString, Text: mac(t, "phone:12345")}}},
		{"others by their own name", `"properties":{"id_number":"11010519491231002X"}`, []wire.Prop{{Key: "id_number", Kind: wire.PropString, Text: mac(t, "id_number:11010519491231002X")}}},
		{"nothing to hide", `"properties":{"phone":null,"email":true,"mobile":""}`,
			[]wire.Prop{{Key: "email", Kind: wire.PropBool, Text: "true"}, {Key: "mobile", Kind: wire.PropString}, {Key: "phone"}}},
		{"an object as a whole", `"properties":{"address":{"city": "上海", "street":"x"}}`, []wire.Prop{{Key: "address", Kind: wire.PropString, Text: mac(t, `address:{"city":"上海","street":"x"}`)}}},
		{"a list one by one", `"properties":{"phone":["13912345670", null, [13912345670]]}`, []wire.Prop{{Key: "phone", Kind: wire.PropJSON, Text: `["` + phone + `", null, ["` + phone + `"]]`}}},
		{"within objects", `"properties":{"order": {"id":1, "buyer":[{"Phone" : "13912345670","n":1.50}]}}`,
			[]wire.Prop{{Key: "order", Kind: wire.PropJSON, Text: `{"id":1, "buyer":[{"Phone" : "` + phone + `","n":1.50}]}`}}},
		{"behind an escape", `"properties":{"o":{"ph\u006fne":"\u00313912345670"}}`, []wire.Prop{{Key: "o", Kind: wire.PropJSON, Text: `{"ph\u006fne":"` + phone + `"}`}}},
		{"outside of properties", `"phone":"13912345670","x":1`, []wire.Prop{{Key: "$phone", Kind: wire.PropString, Text: phone}, {Key: "$x", Kind: wire.PropNumber, Text: "1"}}},
		{"an unknown identifier type", `"identifiers":{"mobile":"13912345670"}`, []wire.Prop{{Key: "$identifier.mobile", Kind: wire.PropString, Text: phone}}},
		{"an unknown type nobody listed", `"identifiers":{"wechat":["13912345670","b"]}`,
			[]wire.Prop{{Key: "$identifier.wechat", Kind: wire.PropJSON, Text: `["` + mac(t, "wechat:13912345670") + `","` + mac(t, "wechat:b") + `"]`}}},
		{"an unknown type that clashes", `"identifiers":{"q":"1"},"properties":{"$identifier.q":2}`,
			[]wire.Prop{{Key: "$$identifier.q", Kind: wire.PropString, Text: mac(t, "q:1")}, {Key: "$identifier.q", Kind: wire.PropNumber, Text: "2"}}},
		{"in ascending order", `"properties":{"b":1,"a":2,"B":3}`,
			[]wire.Prop{{Key: "B", Kind: wire.PropNumber, Text: "3"}, {Key: "a", Kind: wire.PropNumber, Text: "2"}, {Key: "b", Kind: wire.PropNumber, Text: "1"}}},
		{"everything else as it is", `"properties":{"o":{"a": [1, {"b":"13912345670"}]},"n":-1E+2}`,
			[]wire.Prop{{Key: "n", Kind: wire.PropNumber, Text: "-1E+2"}, {Key: "o", Kind: wire.PropJSON, Text: `{"a": [1, {"b":"13912345670"}]}`}}},
	}
	n := testNormalizer(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ev, _ := normalised(t, n, `{"event":"a",`+c.fields+`}`)
			if !slices.Equal(ev.Props, c.want) {
				t.Errorf("got  %+v\nwant %+v", ev.Props, c.want)
			}
			for _, p := range ev.Props {
				if p.Kind == wire.PropJSON && !json.Valid([]byte(p.Text)) {
					t.Errorf("%s is not JSON: %s", p.Key, p.Text)
				}
			}
		})
	}
}

func TestHash(t *testing.T) {
	cases := []struct{ name, in, want, wrong string }{
		{"phone", "phone:139 1234 5670", "phone:" + mac(t, "phone:+8613912345670"), ""},
		{"email", "email:Alice@Example.com", "email:" + mac(t, "email:alice@example.com"), ""},
		{"not sensitive", "device_id: d1 ", "device_id:d1", ""},
		{"scoped", "openid@wx1:o:1", "openid@wx1:o:1", ""},
		{"a sensitive property", "mobile:139-1234-5670", "mobile:" + mac(t, "phone:+8613912345670"), ""},
		{"hashed already", "phone:" + mac(t, "phone:+8613912345670"), "phone:" + mac(t, "phone:+8613912345670"), ""},
		{"no phone", "phone:12345", "", "invalid_phone"},
		{"junk", "device_id:null", "", "junk_identifier"},
		{"unknown type", "wechat:13912345670", "", "neither"},
		{"no type", "13912345670", "", "type:value"},
	}
	n := testNormalizer(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := n.Hash(c.in)
			if got != c.want || (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%q, %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), "13912345670") {
				t.Errorf("the error shows the number: %v", err)
			}
		})
	}
}

// TestHashGolden pins hashed values: were they to change, every known person would become a stranger.
func TestHashGolden(t *testing.T) {
	keys := testKeys(t)
	got := []string{keys.ID(), keys.KeyCheck(), mac(t, "phone:+8613912345670")}
	want := []string{"7b2a3366", "649ee9fb68d714953db49b6d791b7243", "7b2a3366.XMW7TpK0_h2PzDthcu5KsIzzhz_YOPlARW2yi3azLoo"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if h, err := testNormalizer(t).Hash("phone:13912345670"); err != nil || h != "phone:"+want[2] {
		t.Errorf("%q, %v", h, err)
	}
}

func TestKindsAreThoseOfTheWire(t *testing.T) {
	pairs := map[schemas.RawKind]wire.PropKind{schemas.RawNull: wire.PropNull, schemas.RawBool: wire.PropBool,
		schemas.RawNumber: wire.PropNumber, schemas.RawString: wire.PropString, schemas.RawJSON: wire.PropJSON}
	for raw, kind := range pairs {
		if byte(raw) != byte(kind) {
			t.Errorf("raw kind %d is %d on the wire", raw, kind)
		}
	}
}

// TestAnswersDoNotDependOnHistory normalises the same events fresh and with warm caches and buffers.
func TestAnswersDoNotDependOnHistory(t *testing.T) {
	values := []string{
		`{"event":"a","identifiers":{"phone":["010-12345678","12345"],"device_id":"b"},"properties":{"o":{"phone":[1,"13912345670"]}}}`,
		`{"event":"a","identifiers":{"device_id":["z","y"],"q":"1"},"properties":{"o":{"x":1},"phone":"021-12345678"}}`,
		`{"event":"a"}`,
	}
	warm := testNormalizer(t)
	for range 3 {
		for _, v := range values {
			got, _ := normalised(t, warm, v)
			want, _ := normalised(t, testNormalizer(t), v)
			var a, b wire.Encoder
			got.Encode(&a)
			want.Encode(&b)
			if string(a.B) != string(b.B) {
				t.Errorf("%s\n%+v\n%+v", v, got, want)
			}
		}
	}
}
