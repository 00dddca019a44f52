package normalize

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portrait/schemas"
)

var testSecret = []byte("0123456789abcdef0123456789abcdef")

func testKeys(t testing.TB) Keys {
	t.Helper()
	keys, err := NewKeys(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestLoadKeys(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	asHex := hex.EncodeToString(testSecret)
	cases := []struct {
		name, env, file string
		wrong           string // part of the error
	}{
		{"hex in the environment", asHex, "", ""},
		{"base64 in the environment", base64.StdEncoding.EncodeToString(testSecret), "", ""},
		{"base64url without padding", base64.RawURLEncoding.EncodeToString(testSecret), "", ""},
		{"file", "", write("good", asHex+"\n", 0o600), ""},
		{"environment before file", " " + asHex + "\n", write("other", strings.Repeat("ab", 32), 0o600), ""},
		{"neither", "", "", "no key"},
		{"file that is not there", "", filepath.Join(dir, "absent"), "no key"},
		{"file that others may read", "", write("open", asHex, 0o644), "chmod 600"},
		{"too short", asHex[:62], "", "want at least 32"},
		{"not encoded", "a pass phrase of some length, but plain text!", "", "openssl rand"},
		{"empty file", "", write("empty", "", 0o600), "want at least 32"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			keys, err := LoadKeys(c.env, c.file)
			if c.wrong == "" {
				if err != nil || keys != testKeys(t) {
					t.Fatalf("%v, %v", keys, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Fatalf("error %v; want one with %q", err, c.wrong)
			}
			if errors.Is(err, ErrNoKey) != (c.wrong == "no key") {
				t.Errorf("ErrNoKey: %v", err)
			}
			if strings.Contains(err.Error(), asHex[:20]) {
				t.Error("the error shows the key")
			}
		})
	}
}

func TestGenerate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	made, err := Generate(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	loaded, err := LoadKeys("", path)
	if err != nil || loaded != made {
		t.Fatalf("loaded %v, made %v: %v", loaded, made, err)
	}
	if _, err := Generate(path); err == nil {
		t.Error("a second Generate replaced the key")
	}
	if again, _ := LoadKeys("", path); again != made {
		t.Error("the file changed")
	}
}

func TestVerify(t *testing.T) {
	keys := testKeys(t)
	other, err := NewKeys(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Verify(keys.ID(), keys.KeyCheck()); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"other key":   other.Verify(keys.ID(), keys.KeyCheck()),
		"wrong check": keys.Verify(keys.ID(), other.KeyCheck()),
		"no record":   keys.Verify("", ""),
		"no key":      Keys{}.Verify("", ""),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if keys.ID() == other.ID() || keys.KeyCheck() == other.KeyCheck() || bytes.Equal(keys.ProfileKey(), other.ProfileKey()) {
		t.Error("two keys share a value")
	}
	if bytes.Equal(keys.ProfileKey(), keys.identifiers[:]) {
		t.Error("two purposes share a sub-key")
	}
}

func TestKeysNeverPrint(t *testing.T) {
	keys := testKeys(t)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+" "+verb+"\n", keys, struct{ K Keys }{keys})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("start", "keys", keys, "pointer", &keys)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("start", "keys", keys)
	if err := json.NewEncoder(&out).Encode(struct{ Keys any }{keys}); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"secret": testSecret, "identifiers": keys.identifiers[:], "profiles": keys.profiles[:]} {
		for _, form := range []string{string(b), hex.EncodeToString(b)[:16], fmt.Sprint(b)[1:20], base64.StdEncoding.EncodeToString(b)[:16]} {
			if strings.Contains(strings.ToLower(out.String()), strings.ToLower(form)) {
				t.Errorf("%s is in:\n%s", name, out.String())
			}
		}
	}
	if !strings.Contains(out.String(), "[key "+keys.ID()+"]") {
		t.Errorf("no id in:\n%s", out.String())
	}
}

func testDeployment(t testing.TB) *schemas.Deployment {
	t.Helper()
	dep, keys := schemas.DefaultDeployment(), testKeys(t)
	dep.ID, dep.KeyID, dep.KeyCheck = "test", keys.ID(), keys.KeyCheck()
	return &dep
}

func TestNewRefuses(t *testing.T) {
	keys := testKeys(t)
	cases := []struct {
		name   string
		damage func(dep *schemas.Deployment)
		wrong  string
	}{
		{"another normalisation version", func(dep *schemas.Deployment) { dep.Normalization = Version + 1 }, "drain all routers"},
		{"another key", func(dep *schemas.Deployment) { dep.KeyID = "00000000" }, EnvKey},
		{"another check value", func(dep *schemas.Deployment) { dep.KeyCheck = "" }, EnvKey},
		{"an unknown region", func(dep *schemas.Deployment) { dep.PhoneRegion = "XX" }, "ISO 3166"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dep := testDeployment(t)
			c.damage(dep)
			if _, err := New(dep, keys); err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("error %v; want one with %q", err, c.wrong)
			}
		})
	}
}
