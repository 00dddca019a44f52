package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testCatalog(t *testing.T, d *deployment) {
	out, note, err := runCommandLine(t, "", "catalog", "show", "--data", d.dir)
	if err != nil || out != shopCatalog {
		t.Fatalf("%q, %v", out, err)
	}
	mustContain(t, "note", note, "shop@2", "1 features, 2 tags")

	file := filepath.Join(t.TempDir(), "new.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(shopCatalog, "orders > 0\"}", "order > 0\"}", 1))
	_, err = d.ask(t, "catalog", "publish", file)
	mustFail(t, err, 1, file+": line 5, column", "order")
	if out, err := d.ask(t, "catalog", "show"); err != nil || out != shopCatalog {
		t.Fatalf("a refused catalogue was published: %q, %v", out, err)
	}

	write(shopCatalog + "  viewer: {when: \"orders == 0\"}\n")
	if out, err = d.ask(t, "catalog", "publish", file); err != nil {
		t.Fatal(err)
	}
	mustContain(t, "answer", out, "shop@", "is active now", "3 tags")
	if out, err = d.ask(t, "catalog", "publish", file); err != nil {
		t.Fatal(err)
	}
	mustContain(t, "answer", out, "was active already")
	d.send(t, fmt.Sprintf(`{"event":"product_viewed","time":%d,"identifiers":{"device_id":"d2"}}`, time.Now().UnixMilli()))
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	for {
		out, err := d.ask(t, "profile", "device_id:d2")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out, `"viewer": true`) {
			break
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			t.Fatalf("the new tag never came: %s", out)
		}
	}
}
