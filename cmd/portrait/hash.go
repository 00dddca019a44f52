package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"portrait/pipeline"
	"portrait/pipeline/normalize"
	"portrait/schemas"
)

func hashCommand() *cobra.Command {
	var at targetFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "hash TYPE:VALUE…",
		Short: "Print identifiers as the deployment stores them",
		Long: `Print the canonical form of identifiers, one per line: phones become E.164, junk is refused, and the
values of sensitive types (phone, email) and properties become keyed hashes. That is what tag changes,
profiles and ClickHouse hold, so a CRM can join its own list with them.

The key is that of the deployment: PORTRAIT_KEY, else key_file of the configuration, else the file "key"
in the data directory. "-" reads identifiers from stdin, one per line, which keeps phone numbers out of
the shell's history. A value that is not usable is named by its number on stderr, and the exit code is 1.`,
		Example: `  portrait hash phone:+8613900001234
  portrait hash "phone:139 0000 1234" email:Ann@Example.com device_id:a1
  portrait hash - < phones.txt > hashes.txt`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := at.find()
			if err != nil {
				return err
			}
			norm, err := t.normalizer(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			h := &hasher{norm: norm, out: bufio.NewWriter(cmd.OutOrStdout()), trouble: cmd.ErrOrStderr(), json: asJSON}
			if err := h.all(args, cmd.InOrStdin()); err != nil {
				return err
			}
			if h.bad > 0 {
				return fmt.Errorf("%d of %d identifiers are not usable", h.bad, h.n)
			}
			return nil
		},
	}
	at.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, `print {"number":N,"stored":"…"} per line`)
	return c
}

// hasher prints stored forms. It never repeats what it was given.
type hasher struct {
	norm    *normalize.Normalizer
	out     *bufio.Writer
	trouble io.Writer
	json    bool
	n, bad  int
}

func (h *hasher) all(args []string, in io.Reader) error {
	for _, a := range args {
		if a != "-" {
			if err := h.one(a); err != nil {
				return err
			}
			continue
		}
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			if lines.Text() == "" {
				continue
			}
			if err := h.one(lines.Text()); err != nil {
				return err
			}
		}
		if err := lines.Err(); err != nil {
			return fmt.Errorf("stdin: %w", err)
		}
	}
	return h.out.Flush()
}

func (h *hasher) one(identifier string) error {
	h.n++
	stored, err := h.norm.Hash(identifier)
	if err != nil {
		h.bad++
		fmt.Fprintf(h.trouble, "identifier %d: %v\n", h.n, err)
		return nil
	}
	if h.json {
		line, err := json.Marshal(struct {
			Number int    `json:"number"`
			Stored string `json:"stored"`
		}{h.n, stored})
		if err != nil {
			return err
		}
		stored = string(line)
	}
	_, err = h.out.WriteString(stored + "\n")
	return err
}

// normalizer returns the normaliser of the deployment, with its key.
func (t *target) normalizer(ctx context.Context, note io.Writer) (*normalize.Normalizer, error) {
	keys, err := t.keys()
	if err != nil {
		return nil, err
	}
	dep, err := t.recordOrProposal(ctx, note)
	if err != nil {
		return nil, err
	}
	if dep.KeyID == "" {
		dep.KeyID, dep.KeyCheck = keys.ID(), keys.KeyCheck()
	}
	return normalize.New(dep, keys)
}

// recordOrProposal is the deployment record, or what the configuration proposes for one if there is none: its KeyID is
// empty then.
func (t *target) recordOrProposal(ctx context.Context, note io.Writer) (*schemas.Deployment, error) {
	dep, err := t.record(ctx)
	if errors.Is(err, pipeline.ErrNoState) {
		fmt.Fprintln(note, "no deployment found; its settings are taken from the configuration")
		proposal := t.config.proposal()
		return &proposal, nil
	}
	return dep, err
}

// record is the deployment record: of the brokers, or of a stopped service's state; the error wraps
// pipeline.ErrNoState if there is neither.
func (t *target) record(ctx context.Context) (*schemas.Deployment, error) {
	if t.running != nil || len(t.config.Kafka.Brokers) > 0 {
		a, err := t.admin(ctx)
		if err != nil {
			return nil, err
		}
		defer a.Close()
		return a.Deployment(), nil
	}
	s, err := t.stopped()
	if err != nil {
		return nil, err
	}
	return s.Deployment(), s.Close()
}
