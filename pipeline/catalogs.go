package pipeline

import (
	"bytes"
	"sync"

	"portrait/profile/machine"
	"portrait/profile/tag"
	"portrait/schemas"
)

// catalogsKept bounds what compiled remembers: the empty one, the active one, and those of partitions
// that are a little behind or ahead.
const catalogsKept = 4

// compiled remembers the catalogues that this process has compiled: all its machines share them, so an
// activation holds up one of them instead of each. It serves one deployment.
type compiled struct {
	mu   sync.Mutex
	kept []compiledCatalog // oldest first
}

type compiledCatalog struct {
	text    []byte
	version int64
	catalog *tag.Catalog
}

// compile is machine.CompileCatalog. Machines that want the same catalogue at once wait for one compilation.
func (c *compiled) compile(text []byte, version int64, dep *schemas.Deployment) (*tag.Catalog, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.kept {
		if k.version == version && bytes.Equal(k.text, text) {
			return k.catalog, nil
		}
	}
	catalog, err := machine.CompileCatalog(text, version, dep)
	if err != nil {
		return nil, err
	}
	if len(c.kept) == catalogsKept {
		c.kept = append(c.kept[:0], c.kept[1:]...)
	}
	c.kept = append(c.kept, compiledCatalog{bytes.Clone(text), version, catalog})
	return catalog, nil
}
