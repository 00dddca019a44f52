package main

import (
	"os/exec"
	"runtime/debug"
	"strings"
)

// revision is the commit this binary was built from, with + if the tree had changes. A binary that was not told
// (go run, -buildvcs=false) asks git in the current directory, if it is in this project; else it is "".
func revision() string {
	text, dirty := "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
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
	}
	if text == "" {
		if module, err := exec.Command("go", "list", "-m").Output(); err != nil || strings.TrimSpace(string(module)) != "portrait" {
			return ""
		}
		head, err := exec.Command("git", "rev-parse", "HEAD").Output()
		if err != nil {
			return ""
		}
		text = strings.TrimSpace(string(head))
		if changes, err := exec.Command("git", "status", "--porcelain").Output(); err != nil || len(changes) > 0 {
			dirty = "+"
		}
	}
	return text[:min(12, len(text))] + dirty
}
