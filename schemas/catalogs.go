package schemas

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed catalog/*.yaml
var catalogs embed.FS

// ShippedCatalog returns the text of a catalogue that comes with Portrait: private-domain, demo,
// online-retail or stress-300. The error lists the names.
func ShippedCatalog(name string) ([]byte, error) {
	text, err := catalogs.ReadFile("catalog/" + name + ".yaml")
	if err == nil {
		return text, nil
	}
	var names []string
	entries, dirErr := fs.ReadDir(catalogs, "catalog")
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	if dirErr != nil {
		return nil, dirErr
	}
	return nil, fmt.Errorf("no shipped catalogue %q; there are %s", name, strings.Join(names, ", "))
}
