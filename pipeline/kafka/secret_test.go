package kafka

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestPasswordIsNotPrinted: a configuration may end in a log.
func TestPasswordIsNotPrinted(t *testing.T) {
	c := Config{Brokers: []string{"a:1"}, SASL: SASL{Mechanism: "plain", User: "ann", Password: "hush"}}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	printings := []string{fmt.Sprintf("%+v", &c), string(asJSON)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		printings = append(printings, fmt.Sprintf(verb, c))
	}
	for _, printed := range printings {
		if strings.Contains(printed, "hush") || strings.Contains(printed, "68757368") {
			t.Errorf("the password is printed: %s", printed)
		}
		if !strings.Contains(printed, "ann") {
			t.Errorf("the user is not printed: %s", printed)
		}
	}
}
