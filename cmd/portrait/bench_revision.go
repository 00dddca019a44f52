package main

import (
	"runtime/debug"
)

// revision is the commit this binary was built from, with + if the tree had changes; "" if the build does not know.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	text, dirty := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			text = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "+"
			}
		}
	}
	return text[:min(12, len(text))] + dirty
}
