package schemas

import "encoding/json"

// Change says what happened to a tag.
type Change string

// The changes of the public contract; later versions may add others, a consumer ignores those.
const (
	Entered Change = "entered" // a boolean tag became true, an enum got its first value
	Left    Change = "left"
	Changed Change = "changed" // an enum moved to another value
	Merged  Change = "merged"  // the profile went into another: Winner
	Erased  Change = "erased"
)

// CauseKind says why a tag changed.
type CauseKind string

// The causes of the public contract.
const (
	CauseEvent   CauseKind = "event"
	CauseTimer   CauseKind = "timer"
	CauseMerge   CauseKind = "merge"
	CauseCatalog CauseKind = "catalog"
	CauseErase   CauseKind = "erase"
	CauseUnmerge CauseKind = "unmerge"
)

// Cause names the event or the deadline behind a change.
type Cause struct {
	Kind    CauseKind `json:"kind"`
	EventID string    `json:"event_id,omitempty"`
}

// TagChange is one record of portrait.tags; tags.md is its page for consumers. Its key is the
// profile's UUID as text. Times are RFC 3339 in UTC with milliseconds.
type TagChange struct {
	ID              string              `json:"id"` // e<epoch>-p<partition>-<offset>-<ordinal>
	ProfileID       string              `json:"profile_id"`
	Tag             string              `json:"tag,omitempty"` // absent on merged and erased
	Change          Change              `json:"change"`
	Value           any                 `json:"value"` // true | false | enum value | null
	Previous        any                 `json:"previous"`
	Weight          *float64            `json:"weight,omitempty"`
	Winner          string              `json:"winner,omitempty"` // merged: the surviving profile
	Epoch           int                 `json:"epoch"`
	Version         uint64              `json:"version"`          // only grows for a profile
	PreviousVersion uint64              `json:"previous_version"` // of this profile's change before; 0: the first
	Catalog         string              `json:"catalog"`          // name@version
	Cause           Cause               `json:"cause"`
	EventTime       string              `json:"event_time"` // of the causing event; for timers the deadline
	DecidedAt       string              `json:"decided_at"` // the largest stamp the machine had seen
	Identifiers     map[string][]string `json:"identifiers"`
}

// ProfileDoc is the latest state of one profile: the value in portrait.profiles and the answer of
// GET /v1/profiles. A merged or erased profile is a tombstone there.
type ProfileDoc struct {
	ProfileID   string                     `json:"profile_id"`
	Epoch       int                        `json:"epoch"`
	Version     uint64                     `json:"version"`
	TagVersion  uint64                     `json:"tag_version"` // version of the newest tag change it contains; 0: none yet
	Catalog     string                     `json:"catalog"`
	AsOf        string                     `json:"as_of"` // features are evaluated at this instant
	FirstSeen   string                     `json:"first_seen"`
	LastSeen    string                     `json:"last_seen"`
	Events      int64                      `json:"events"`
	Identifiers map[string][]string        `json:"identifiers"`
	Tags        map[string]any             `json:"tags"` // those that are true or have a value
	Features    map[string]json.RawMessage `json:"features"`
}
