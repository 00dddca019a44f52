package machine

import "portrait/profile/identity"

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
