package machine_test

import (
	"fmt"
	"strings"
	"testing"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// TestLargeCatalogInParts sends catalogues of 1 MB in parts, with a checkpoint and a crash behind each: no
// entry of the store and no meta comes near 1 MiB, however many wait, and what was activated is removed.
func TestLargeCatalogInParts(t *testing.T) {
	_, r := single(t)
	text := []byte("name: large\nfeatures:\n  views: {kind: count, event: view}\ntags:\n  curious: {when: \"views > 0\"}\n")
	for line := "# " + strings.Repeat("x", 3_000) + "\n"; len(text)+len(line) <= 1_000_000; {
		text = append(text, line...)
	}
	apply := func(items ...wire.Control) {
		r.add(&wire.InboxRecord{Source: wire.FromCoordinator, Controls: items})
		r.apply(1)
		r.commit()
		for key, value := range r.view.state {
			if len(key)+len(value) >= 1<<20 {
				t.Fatalf("an entry of %d bytes", len(value))
			}
		}
		if len(r.view.meta) > 64<<10 {
			t.Fatalf("a meta of %d bytes", len(r.view.meta))
		}
		r.open(10) // nothing but the store is left
	}
	parts := (len(text) + schemas.BytesPerRecord - 1) / schemas.BytesPerRecord
	send := func(version int64) {
		for k := range parts {
			body := text[k*schemas.BytesPerRecord : min(len(text), (k+1)*schemas.BytesPerRecord)]
			apply(wire.Control{Kind: wire.CtlCatalog, Version: version, Part: int32(k), Parts: int32(parts), Body: body})
		}
	}
	for version := range int64(20) { // never activated: their publishers died
		send(10 + version)
	}
	apply(wire.Control{Kind: wire.CtlActivate, Version: 29})
	if got := r.m.Catalog(); got.Version != 29 || len(got.Tags) != 1 {
		t.Fatalf("catalogue %s with %d tags", got.Label(), len(got.Tags))
	}
	var left []string
	for key := range r.view.state {
		if key[0] == 'c' || key[0] == 'p' {
			left = append(left, fmt.Sprintf("%q", key))
		}
	}
	if len(left) != 1 {
		t.Errorf("keys of catalogues: %v, want the active one's alone", left)
	}
}
