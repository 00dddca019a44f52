package importer

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"portrait/schemas"
)

var errShape = errors.New("neither a JSON object (one event) nor an array of them")

// timed is the one member that an import looks at.
type timed struct {
	Time jsontext.Value `json:"time"`
}

// checkJSON says whether a line is an event, or an array of events, as far as its syntax goes, and
// returns the latest time in it (ms, 0 if none). Everything else about events is judged by the router,
// which keeps what it refuses: a line refused here is only reported.
func checkJSON(line []byte) (int64, error) {
	line = bytes.TrimSpace(line)
	var list []timed
	var err error
	switch {
	case len(line) > 0 && line[0] == '{':
		list = make([]timed, 1)
		err = json.Unmarshal(line, &list[0])
	case len(line) > 0 && line[0] == '[':
		err = json.Unmarshal(line, &list)
	default:
		return 0, errShape
	}
	if err != nil {
		return 0, syntaxReason(err)
	}
	var latest int64
	for i := range list {
		latest = max(latest, eventTime(list[i].Time))
	}
	return latest, nil
}

// syntaxReason says what is wrong and where, without the JSON pointer that the decoder adds, which
// quotes the line.
func syntaxReason(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("not valid JSON at byte %d: %w", syntax.ByteOffset, syntax.Err)
	}
	return errShape
}

// eventTime reads RFC 3339 or epoch milliseconds; anything else is the router's to judge, and no time: the latest of a
// file moves the clock of a history.
func eventTime(v jsontext.Value) int64 {
	if len(v) > 1 && v[0] == '"' {
		at, err := time.Parse(time.RFC3339Nano, string(v[1:len(v)-1]))
		if err != nil {
			return 0
		}
		return at.UnixMilli()
	}
	ms, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || ms > schemas.MaxEventTime || schemas.IsSeconds(ms) {
		return 0
	}
	return ms
}
