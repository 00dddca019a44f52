package main

import (
	"encoding/json"
	"strings"
	"testing"

	"portrait/schemas"
)

func testProfile(t *testing.T, d *deployment) {
	var stored string
	for _, identifier := range []string{"device_id:d1", "customer_id:c1", annPhone, "phone:139 1234 5678"} {
		out, err := d.ask(t, "profile", identifier)
		if err != nil {
			t.Fatal(err)
		}
		var doc schemas.ProfileDoc
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Events != 4 || len(doc.Identifiers) != 3 || doc.Tags["buyer"] != true || doc.Tags["lifecycle"] != "customer" {
			t.Errorf("%s: %s", identifier, out)
		}
		if strings.Contains(out, "13912345678") || !strings.Contains(out, "\n  \"") {
			t.Errorf("in clear, or not indented: %s", out)
		}
		stored = "phone:" + doc.Identifiers["phone"][0]
	}
	if out, err := d.ask(t, "profile", stored); err != nil || !strings.Contains(out, `"c1"`) {
		t.Errorf("as stored: %q, %v", out, err)
	}
	_, err := d.ask(t, "profile", "device_id:nobody")
	mustFail(t, err, exitNotFound, "no profile")
	_, err = d.ask(t, "profile", "phne:139 1234 5678")
	mustFail(t, err, 1, `the name "phne"; there are customer_id, unionid, phone, `)
	_, err = d.ask(t, "profile", "nonsense")
	mustFail(t, err, 1, "TYPE:VALUE")
}
