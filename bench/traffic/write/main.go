// Command write writes schemas/catalog/stress-300.yaml; `go generate ./bench/traffic` runs it.
package main

import (
	"fmt"
	"os"

	"portrait/bench/traffic"
)

func main() {
	m, err := traffic.NewModel(300)
	if err == nil {
		err = os.WriteFile("../../schemas/catalog/stress-300.yaml", m.YAML(), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "write:", err)
		os.Exit(1)
	}
}
