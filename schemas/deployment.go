package schemas

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// LogicVersion is the version of the machine's logic: what it answers to a log. It must be raised
// whenever the golden hash over the corpus of logs moves (profile/machine tests say so).
const LogicVersion = 1

// Bounds that every version of the code shares. Outputs of one inbox record are numbered below 2^16. One
// item gives at most three changes per tag (a tag that the catalogue dropped, the new catalogue's value,
// the event's), so 50 items with 300 tags stay below 50,000; timers and the sweep stop before the rest is
// used up (profile/machine).
const (
	ItemsPerRecord = 50
	BytesPerRecord = 512 << 10
	TagsPerCatalog = 300
)

// Clock says what time passes by: the wall (records' Kafka timestamps) or the events themselves
// (import of history, back-tests).
type Clock string

// The two clocks of a deployment.
const (
	ClockWall  Clock = "wall"
	ClockEvent Clock = "event"
)

// Deployment is what everybody must agree on, decided once at the first start and recorded in
// portrait.catalog, in the first record of each inbox and in every store. A mismatch refuses to start.
type Deployment struct {
	ID               string           `json:"id"`
	Epoch            int              `json:"epoch"`
	Base             int64            `json:"base"` // added to offsets in versions; above the last of the epoch before
	EventsPartitions int              `json:"events_partitions"`
	InboxPartitions  int              `json:"inbox_partitions"`
	FactsPartitions  int              `json:"facts_partitions"`
	Identifiers      []IdentifierType `json:"identifiers"` // in order of priority
	Normalization    int              `json:"normalization"`
	PhoneRegion      string           `json:"phone_region"` // ISO 3166 region of phones without a country code
	SensitiveProps   []string         `json:"sensitive_properties"`
	KeyID            string           `json:"key_id"`
	KeyCheck         string           `json:"key_check"` // says whether a key is the right one without telling it
	TimeZone         string           `json:"time_zone"` // calendar days are counted here
	Clock            Clock            `json:"clock"`
	ClockStep        int64            `json:"clock_step_ms"` // event clock: inboxes are ticked when event time moved on by this
	DedupeIDs        int              `json:"dedupe_ids"`    // latest event ids that a profile remembers
	DocInterval      int64            `json:"doc_interval_ms"`
	TimersPerRecord  int              `json:"timers_per_record"`
	LinksRemembered  int              `json:"links_remembered"` // newest links and refusals a profile remembers
	QueueLimit       int              `json:"queue_limit"`      // wants and proposals that wait at a node
	ProfileLimit     int              `json:"profile_limit_bytes"`
}

// DefaultDeployment returns a deployment without id and key.
//
//   - 4 partitions: two cores drive no more; 8 or 16 are right for a cluster. Never changed later.
//   - 1 facts partition: each costs an insert per second and table.
//   - 64 remembered event ids: a producer's retry comes within seconds; 512 for imports of invoices.
//   - 256 timers per record: about 3 ms of work between two events; a wave takes a way through the log for each.
//   - 256 links, 64 waiting: DESIGN.md section 3. 256 KiB: below the record limit with its tail.
func DefaultDeployment() Deployment {
	return Deployment{
		Epoch: 1, EventsPartitions: 4, InboxPartitions: 4, FactsPartitions: 1,
		Identifiers: DefaultIdentifierTypes(), Normalization: 1, PhoneRegion: "CN",
		SensitiveProps: []string{"address", "email", "id_number", "mobile", "phone"},
		TimeZone:       "Asia/Shanghai", Clock: ClockWall, ClockStep: 3_600_000,
		DedupeIDs: 64, DocInterval: 10_000, TimersPerRecord: 256,
		LinksRemembered: 256, QueueLimit: 64, ProfileLimit: 256 << 10,
	}
}

// Bounds of a record. Everything in memory that is sized by one is far below what a process has.
const (
	// MaxPartitions of events, inbox and facts each. A machine keeps a number per partition and tells every
	// other one the time, so thousands would be slow; nobody needs them.
	MaxPartitions = 1024
	maxBound      = 1 << 16 // of remembered ids and links, and of queues
	maxTypes      = 256     // of identifiers
)

// ParseDeployment reads a record as it stands in portrait.catalog and in a store, and validates it. An
// error begins with "deployment".
func ParseDeployment(text []byte) (*Deployment, error) {
	d := new(Deployment)
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("deployment record: %w", err)
	}
	if err := d.Validate(); err != nil {
		return nil, err
	}
	return d, nil
}

// Hash names the record in every inbox and facts record; records with another hash are not ours.
func (d *Deployment) Hash() uint64 {
	b, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("deployment record does not marshal: %v", err)) // plain data: cannot happen
	}
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:8])
}

// Priority returns the rank of a base type, 0 the highest, or -1 if the deployment has no such type.
func (d *Deployment) Priority(baseType string) int {
	for i := range d.Identifiers {
		if d.Identifiers[i].Name == baseType {
			return i
		}
	}
	return -1
}

// Version returns the output number of the k-th output caused by the inbox record at offset.
func (d *Deployment) Version(offset int64, k int) uint64 {
	return uint64(d.Base+offset)<<16 | uint64(k)
}

// Offset returns the offset of the inbox record that caused the output; it is negative if that was in an epoch
// before.
func (d *Deployment) Offset(version uint64) int64 { return int64(version>>16) - d.Base }

// Validate reports the first setting that cannot work, and the remedy.
func (d *Deployment) Validate() error {
	switch {
	case d.ID == "":
		return fmt.Errorf("deployment: no id; `portrait run` makes one at the first start")
	case d.EventsPartitions < 1 || d.InboxPartitions < 1 || d.FactsPartitions < 1:
		return fmt.Errorf("deployment: partitions must be at least 1 (events %d, inbox %d, facts %d)",
			d.EventsPartitions, d.InboxPartitions, d.FactsPartitions)
	case max(d.EventsPartitions, d.InboxPartitions, d.FactsPartitions) > MaxPartitions:
		return fmt.Errorf("deployment: at most %d partitions (events %d, inbox %d, facts %d)",
			MaxPartitions, d.EventsPartitions, d.InboxPartitions, d.FactsPartitions)
	case d.Epoch < 1 || d.Base < 0 || d.Base > 1<<46: // versions are 64 bits, 16 of them the ordinal
		return fmt.Errorf("deployment: epoch %d with base %d; the first epoch is 1, with base 0", d.Epoch, d.Base)
	case len(d.Identifiers) == 0 || len(d.Identifiers) > maxTypes:
		return fmt.Errorf("deployment: %d identifier types; want 1 to %d", len(d.Identifiers), maxTypes)
	case d.Clock != ClockWall && d.Clock != ClockEvent:
		return fmt.Errorf("deployment: clock %q; want wall or event", d.Clock)
	case d.Clock == ClockEvent && d.EventsPartitions != 1:
		return fmt.Errorf("deployment: the event clock needs one events partition, not %d", d.EventsPartitions)
	case d.TimersPerRecord < 1 || d.DedupeIDs < 0 || d.QueueLimit < 1 || d.LinksRemembered < 1 || d.DocInterval < 0 || d.ClockStep < 0:
		return fmt.Errorf("deployment: bounds must be positive")
	case max(d.TimersPerRecord, d.DedupeIDs, d.QueueLimit, d.LinksRemembered) > maxBound:
		return fmt.Errorf("deployment: bounds may be %d at most (timers per record %d, remembered ids %d, queue %d, links %d)",
			maxBound, d.TimersPerRecord, d.DedupeIDs, d.QueueLimit, d.LinksRemembered)
	case d.ProfileLimit < 16<<10 || d.ProfileLimit > 768<<10: // an entry of the store holds 1 MiB
		return fmt.Errorf("deployment: profile limit %d; want 16 KiB to 768 KiB", d.ProfileLimit)
	}
	return nil
}
