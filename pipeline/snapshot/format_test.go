package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"portrait/profile"
)

// sealed and plain are the ways a snapshot may be written.
func testKeys(t testing.TB) map[string]*Key {
	t.Helper()
	key, err := NewKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*Key{"plain": nil, "sealed": key}
}

func testHeader() Header {
	return Header{Record: []byte(`{"id":"x"}`), Partition: 3, Kind: Delta, From: 10, To: 20, Logic: 1, Created: 1_700_000_000_000}
}

// entries are n changes, ascending; each third deletes.
func entries(n, size int) []profile.Change {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	list := make([]profile.Change, n)
	for i := range list {
		list[i].Key = fmt.Appendf(nil, "key %08d", i)
		if i%3 == 2 {
			continue
		}
		list[i].Value = make([]byte, r.IntN(size+1))
		for k := range list[i].Value {
			list[i].Value[k] = byte(r.Uint32N(16))
		}
	}
	return list
}

func write(t testing.TB, h Header, key *Key, list []profile.Change, meta string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, h, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if err := w.Put(c.Key, c.Value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close([]byte(meta)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll reads a snapshot to its end.
func readAll(b []byte, key *Key) (list []profile.Change, meta []byte, err error) {
	r, err := NewReader(bytes.NewReader(b), key)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	for {
		c, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, r.Meta(), nil
		}
		if err != nil {
			return nil, nil, err
		}
		list = append(list, c)
	}
}

func same(a, b []profile.Change) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i].Key, b[i].Key) || !bytes.Equal(a[i].Value, b[i].Value) || (a[i].Value == nil) != (b[i].Value == nil) {
			return false
		}
	}
	return true
}

func TestRoundTrip(t *testing.T) {
	for name, key := range testKeys(t) {
		for _, c := range []struct{ n, size int }{{0, 0}, {1, 0}, {1000, 600}, {20_000, 900}, {5, 1 << 20}} {
			t.Run(fmt.Sprintf("%s/%d of %d", name, c.n, c.size), func(t *testing.T) {
				list := entries(c.n, c.size)
				got, meta, err := readAll(write(t, testHeader(), key, list, "meta"), key)
				if err != nil || string(meta) != "meta" || !same(got, list) {
					t.Fatalf("%d entries, meta %q, %v", len(got), meta, err)
				}
			})
		}
	}
}

// TestEveryDamageIsSeen flips each byte of a snapshot, and cuts it at each length.
func TestEveryDamageIsSeen(t *testing.T) {
	for name, key := range testKeys(t) {
		t.Run(name, func(t *testing.T) {
			whole := write(t, testHeader(), key, entries(60, 40), "meta")
			for i := range whole {
				broken := bytes.Clone(whole)
				broken[i] ^= 0x40
				if _, _, err := readAll(broken, key); err == nil {
					t.Errorf("byte %d changed, and nobody saw it", i)
				} else if i > len(magic) && !errors.Is(err, ErrCorrupt) {
					t.Errorf("byte %d changed: %v is not ErrCorrupt", i, err)
				}
			}
			for n := range whole {
				if _, _, err := readAll(whole[:n], key); !errors.Is(err, ErrCorrupt) {
					t.Errorf("cut to %d bytes: %v", n, err)
				}
			}
			if _, _, err := readAll(append(bytes.Clone(whole), 0), key); !errors.Is(err, ErrCorrupt) {
				t.Errorf("a byte more: %v", err)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	key, other := testKeys(t)["sealed"], func() *Key { k, _ := NewKey(bytes.Repeat([]byte{8}, 32)); return k }()
	list := []profile.Change{{Key: []byte("phone:secret"), Value: []byte("secret value")}}
	b := write(t, testHeader(), key, list, "secret meta")
	if bytes.Contains(b, []byte("secret")) {
		t.Error("a sealed snapshot shows what is in it")
	}
	if again := write(t, testHeader(), key, list, "secret meta"); bytes.Equal(b, again) {
		t.Error("two snapshots are sealed alike")
	}
	for name, k := range map[string]*Key{"no key": nil, "another key": other} {
		if _, _, err := readAll(b, k); err == nil || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "key") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := readAll(write(t, testHeader(), nil, list, ""), key); err != nil {
		t.Errorf("not sealed, read with a key: %v", err)
	}
	if text := fmt.Sprintf("%v %+v %s", key, key, key); strings.Contains(text, "\x07") || strings.Contains(text, "7 7 7") {
		t.Errorf("the key shows: %q", text)
	}
	for text, ok := range map[string]bool{strings.Repeat("ab", 32): true, "short": false, strings.Repeat("ab", 31): false} {
		if k, err := LoadKey(text, ""); (err == nil) != ok || ok == (k == nil) {
			t.Errorf("key %q: %v", text, err)
		}
	}
	if k, err := LoadKey("", ""); k != nil || err != nil {
		t.Errorf("no key: %v, %v", k, err)
	}
}

func TestWriterRefuses(t *testing.T) {
	w, err := NewWriter(io.Discard, testHeader(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Put([]byte("b"), nil); err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{"twice": "b", "descending": "a"} {
		if err := w.Put([]byte(key), nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := w.Put([]byte("c"), make([]byte, MaxChunk)); err == nil {
		t.Error("an entry above the bound: accepted")
	}
}

// FuzzReader: whatever the bytes, reading ends with an error or with what a writer would write again.
func FuzzReader(f *testing.F) {
	key := testKeys(f)["sealed"]
	f.Add(write(f, testHeader(), nil, entries(5, 20), "meta"), false)
	f.Add(write(f, testHeader(), key, entries(5, 20), "meta"), true)
	f.Add([]byte(magic), false)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		var k *Key
		if sealed {
			k = key
		}
		list, meta, err := readAll(b, k)
		if err != nil {
			return
		}
		again, m, err := readAll(write(t, testHeader(), k, list, string(meta)), k)
		if err != nil || !same(again, list) || !bytes.Equal(m, meta) {
			t.Fatalf("%d entries became %d, %v", len(list), len(again), err)
		}
	})
}
