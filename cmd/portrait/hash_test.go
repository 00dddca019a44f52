package main

import (
	"strings"
	"testing"
)

func testHash(t *testing.T, d *deployment) {
	out, err := d.ask(t, "hash", annPhone, "phone:139 1234 5678", "device_id: d1 ", "email:Ann@Example.com")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 4 || lines[0] != lines[1] || lines[2] != "device_id:d1" || strings.Contains(out, "13912345678") || strings.Contains(strings.ToLower(out), "ann") {
		t.Fatalf("hashes %q", lines)
	}
	profile, err := d.ask(t, "profile", "device_id:d1")
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, "the profile", profile, strings.TrimPrefix(lines[0], "phone:"))

	out, trouble, err := runCommandLine(t, "phone:12\n\n"+annPhone+"\n", "hash", "-", "--json", "--data", d.dir)
	mustFail(t, err, 1, "1 of 2")
	mustContain(t, "stderr", trouble, "identifier 1", "invalid_phone")
	mustContain(t, "answer", out, `{"number":2,"stored":"`+lines[0]+`"}`)
	for _, secret := range []string{"phone:12\n", "13912345678"} {
		if strings.Contains(out+trouble+err.Error(), secret) {
			t.Errorf("%q is repeated: %s%s%v", secret, out, trouble, err)
		}
	}
}

// TestHashBeforeTheFirstStart: a list can be hashed for a deployment that is still to be founded.
func TestHashBeforeTheFirstStart(t *testing.T) {
	t.Setenv("PORTRAIT_KEY", strings.Repeat("ab", 32))
	out, note, err := runCommandLine(t, "", "hash", annPhone, "--data", t.TempDir())
	if err != nil || !strings.HasPrefix(out, "phone:") {
		t.Fatalf("%q, %v", out, err)
	}
	mustContain(t, "note", note, "no deployment found")
	t.Setenv("PORTRAIT_KEY", "")
	_, _, err = runCommandLine(t, "", "hash", annPhone, "--data", t.TempDir())
	mustFail(t, err, 1, "no key", "PORTRAIT_KEY")
}
