package tag

import (
	"maps"
	"slices"

	"portrait/profile/feature"
	"portrait/schemas/wire"
)

// selection finds the features that an event of one name may touch. Large catalogues repeat a few features for
// each category, brand or campaign, and an event has one of them: looking at the conditions of all was a
// seventh of the machine's time with 300 features.
type selection struct {
	property string           // decides; "": none does
	byText   map[string][]int // features that may match with that text in property, ascending
	others   []int            // that may match with anything else there, ascending
}

// maxSelection bounds the entries of byText: features that any text may touch stand in each of its lists.
const maxSelection = 1 << 20

// newSelection sorts features, ascending, by the property whose text rules out most of them.
func newSelection(features []*feature.Feature, list []int) *selection {
	property := deciding(features, list)
	if property == "" {
		return &selection{others: list}
	}
	s := &selection{property: property, byText: map[string][]int{}}
	for _, i := range list {
		texts, bound := features[i].Words()[property]
		if !bound {
			s.others = append(s.others, i)
		}
		for _, text := range texts {
			s.byText[text] = append(s.byText[text], i)
		}
	}
	if len(s.byText)*len(s.others) > maxSelection {
		return &selection{others: list}
	}
	for text, own := range s.byText { // each list by itself: the order of the map does not show
		own = append(own, s.others...)
		slices.Sort(own)
		s.byText[text] = slices.Compact(own)
	}
	return s
}

// deciding returns the property whose text most features insist on, the first by name of several; "" if none does.
func deciding(features []*feature.Feature, list []int) string {
	count := map[string]int{}
	for _, i := range list {
		for property := range features[i].Words() {
			count[property]++
		}
	}
	best := ""
	for _, property := range slices.Sorted(maps.Keys(count)) {
		if best == "" || count[property] > count[best] {
			best = property
		}
	}
	return best
}

func (s *selection) of(ev *wire.Event) []int {
	if s.property == "" {
		return s.others
	}
	if p := ev.Prop(s.property); p != nil && p.Kind == wire.PropString {
		if list, ok := s.byText[p.Text]; ok {
			return list
		}
	}
	return s.others
}
