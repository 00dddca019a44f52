package machine

import (
	"encoding/binary"

	"portrait/profile/identity"
)

// Roots lets tests look at the roots of a machine, those in its store included.
func Roots(m *Machine) []*identity.Root {
	ids, err := m.following("", 1<<30)
	if err != nil {
		panic(err)
	}
	var roots []*identity.Root
	for _, id := range ids {
		e, err := m.lookup(id)
		if err != nil {
			panic(err)
		}
		if e.Root != nil {
			roots = append(roots, e.Root)
		}
	}
	return roots
}

// UUIDText lets tests name profiles as documents do.
var UUIDText = uuidText

// Births lets tests look at the births of all nodes in memory.
func Births(m *Machine) map[string]int64 {
	births := map[string]int64{}
	for id, e := range m.cache.nodes {
		births[id] = e.Born
	}
	return births
}

// Poison breaks the state of a profile's feature, as a bug or a bad disk would, so that reading it panics.
func Poison(m *Machine, id, feature string) {
	e, err := m.lookup(id)
	if err != nil || e == nil || e.Root == nil {
		panic("no such root")
	}
	for i, f := range m.cat.Features {
		if f.Name == feature {
			e.profile.features.set(i, binary.AppendVarint(nil, 1<<40)) // a window without its newest bucket
			m.cache.dirty(e)
		}
	}
}
