package retail

import (
	"context"
	"embed"
	"fmt"
	"strconv"
	"strings"

	"portrait/bench"
)

//go:embed sql/*.sql
var queries embed.FS

// Query asks ClickHouse one query and returns its rows, every value as ClickHouse writes it as text.
type Query func(ctx context.Context, sql string) ([][]string, error)

// Result is what the run found, all of it asked from ClickHouse; it is what
// `portrait demo --dataset online-retail --json` prints. Its keys are a contract: add, never rename.
type Result struct {
	Lines           int64            `json:"lines"`  // different positions in portrait.events
	Stored          int64            `json:"stored"` // rows of events
	Duplicates      int64            `json:"duplicates"`
	Rejected        int64            `json:"rejected"`
	RuleALines      int64            `json:"rule_a_lines"`
	Customers       int64            `json:"customers"`         // with at least one line under rule A
	Segments        map[string]int64 `json:"segments"`          // three scores as text → customers
	Scores          map[string]int64 `json:"scores"`            // sum of the three scores → customers
	Cohorts         [][]int64        `json:"cohorts"`           // per first month: customers active 0, 1, 2… months later
	EventsPerSecond float64          `json:"events_per_second"` // set by who ran the import
	Checks          []bench.Check    `json:"checks"`
	OK              bool             `json:"ok"` // there are checks, and each holds

	months  []string            // of Cohorts, "2010-12"
	derived map[string]customer // by SQL over events
	live    map[string]customer // from the profiles' features
	doubled []string            // customers found in more than one profile
}

// customer is what RFM says of one.
type customer struct {
	recency   int64 // whole days at ReferenceTime
	frequency int64 // lines
	monetary  string
}

// Evaluate asks for everything, compares it with the published figures and with itself, and sets OK. It
// fails only if ClickHouse does not answer; what does not agree is a check that is not OK.
func Evaluate(ctx context.Context, query Query) (*Result, error) {
	r := &Result{Segments: map[string]int64{}, Scores: map[string]int64{}}
	steps := []struct {
		name string
		take func([]string) error
	}{
		{"accounting", r.takeAccounting},
		{"lines", r.takeLines},
		{"rfm", r.takeRFM},
		{"cohorts", r.takeCohort},
		{"live", r.takeLive},
	}
	r.derived, r.live = map[string]customer{}, map[string]customer{}
	for _, step := range steps {
		sql, err := statement(step.name)
		if err != nil {
			return nil, err
		}
		rows, err := query(ctx, sql)
		if err != nil {
			return nil, fmt.Errorf("query %s: %w", step.name, err)
		}
		for i, row := range rows {
			if err := step.take(row); err != nil {
				return nil, fmt.Errorf("query %s: row %d: %w", step.name, i+1, err)
			}
		}
	}
	r.Checks = check(r)
	r.OK = len(r.Checks) > 0
	for _, c := range r.Checks {
		r.OK = r.OK && c.OK
	}
	return r, nil
}

// statement returns the query of a name, with what they share filled in.
func statement(name string) (string, error) {
	sql, err := queries.ReadFile("sql/" + name + ".sql")
	if err != nil {
		return "", err
	}
	ruleA, err := queries.ReadFile("sql/rule_a.sql")
	if err != nil {
		return "", err
	}
	return strings.NewReplacer("{rule_a}", string(ruleA),
		"{reference_ms}", strconv.FormatInt(ReferenceTime.UnixMilli(), 10)).Replace(string(sql)), nil
}

// numbers reads a row of whole numbers into the places given.
func numbers(row []string, into ...*int64) error {
	if len(row) != len(into) {
		return fmt.Errorf("%d columns instead of %d", len(row), len(into))
	}
	for i, text := range row {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
		*into[i] = n
	}
	return nil
}

func (r *Result) takeAccounting(row []string) error {
	return numbers(row, &r.Lines, &r.Stored, &r.Duplicates, &r.Rejected)
}

func (r *Result) takeLines(row []string) error {
	return numbers(row, &r.RuleALines, &r.Customers)
}

func (r *Result) takeRFM(row []string) error {
	if len(row) != 7 {
		return fmt.Errorf("%d columns instead of 7", len(row))
	}
	var recency, frequency, sum int64
	if err := numbers(row[1:3], &recency, &frequency); err != nil {
		return err
	}
	for _, text := range row[4:] {
		var score int64
		if err := numbers([]string{text}, &score); err != nil {
			return err
		}
		sum += score
	}
	r.derived[row[0]] = customer{recency, frequency, row[3]}
	r.Segments[strings.Join(row[4:], "")]++
	r.Scores[strconv.FormatInt(sum, 10)]++
	return nil
}

func (r *Result) takeCohort(row []string) error {
	if len(row) != 3 {
		return fmt.Errorf("%d columns instead of 3", len(row))
	}
	var month, customers int64
	if err := numbers(row[1:], &month, &customers); err != nil {
		return err
	}
	if last := len(r.months) - 1; last < 0 || r.months[last] != row[0] {
		r.months, r.Cohorts = append(r.months, row[0]), append(r.Cohorts, nil)
	}
	line := &r.Cohorts[len(r.Cohorts)-1]
	if month < int64(len(*line)) || month > 120 {
		return fmt.Errorf("cohort %s has month %d out of order", row[0], month)
	}
	for int64(len(*line)) < month { // months in which nobody of the cohort bought
		*line = append(*line, 0)
	}
	*line = append(*line, customers)
	return nil
}

func (r *Result) takeLive(row []string) error {
	if len(row) != 4 {
		return fmt.Errorf("%d columns instead of 4", len(row))
	}
	c := customer{monetary: row[3]}
	if err := numbers(row[1:3], &c.recency, &c.frequency); err != nil {
		return err
	}
	if _, ok := r.live[row[0]]; ok {
		r.doubled = append(r.doubled, row[0])
	}
	r.live[row[0]] = c
	return nil
}
