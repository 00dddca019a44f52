package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portrait/pipeline"
	"portrait/profile/store"
)

func profileCommand() *cobra.Command {
	var at targetFlags
	c := &cobra.Command{
		Use:   "profile TYPE:VALUE",
		Short: "Show the live profile that an identifier leads to",
		Long: `Show the profile that an identifier leads to, as JSON: identifiers, tags and features.

The running service of the data directory is asked, over loopback HTTP (GET /v1/profiles/TYPE:VALUE); it
answers from memory, up to the event applied last. With none running the directory itself is opened; it
knows everything that was applied, after a crash everything up to the last checkpoint. The identifier is given in clear ("phone:139 0000 1234",
"openid@wxapp1:o8x…") or as stored (see portrait hash). Reading the directory needs the deployment's key.

Exit code 0: found; 3: no such identifier; 1: it could not be asked, or the deployment has no such type.`,
		Example: `  portrait profile device_id:a1
  portrait profile phone:+8613900001234
  portrait profile customer_id:c42 --data history | jq .tags`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := at.find()
			if err != nil {
				return err
			}
			var doc []byte
			if t.running != nil {
				doc, err = askProfile(cmd.Context(), t.running.HTTP, args[0])
			} else {
				doc, err = t.readProfile(args[0])
			}
			switch {
			case errors.Is(err, pipeline.ErrNotFound):
				return &exitError{exitNotFound, errors.New("no profile has this identifier")}
			case err != nil:
				return err
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, bytes.TrimSpace(doc), "", "  "); err != nil {
				return fmt.Errorf("answer: %w", err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), pretty.String())
			return nil
		},
	}
	at.add(c)
	return c
}

// maxDocument is far above what a profile of the largest allowed limit takes as JSON.
const maxDocument = 16 << 20

// askProfile asks a running service.
func askProfile(ctx context.Context, addr, identifier string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/v1/profiles/"+url.PathEscape(identifier), nil)
	if err != nil {
		return nil, errors.New("the identifier cannot stand in an address")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		var address *url.Error
		if errors.As(err, &address) {
			err = address.Err // the address holds the identifier
		}
		return nil, fmt.Errorf("the service at %s does not answer: %w", addr, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument))
	switch {
	case err != nil:
		return nil, fmt.Errorf("answer: %w", err)
	case resp.StatusCode == http.StatusNotFound:
		return nil, pipeline.ErrNotFound
	case resp.StatusCode == http.StatusBadRequest: // it says what is wrong with the question
		return nil, errors.New(strings.TrimSpace(string(body)))
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the service answers: %s", strings.TrimSpace(string(body)))
	}
	return body, nil
}

// readProfile opens the data directory of a stopped service.
func (t *target) readProfile(identifier string) (doc []byte, err error) {
	s, err := t.stopped()
	switch {
	case errors.Is(err, store.ErrLocked):
		return nil, fmt.Errorf("a service has the state of %s open but does not answer yet (or it ends just now); try again", t.config.DataDir)
	case errors.Is(err, pipeline.ErrNoState):
		return nil, t.unreachable()
	case err != nil:
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if why := unknownType(s.Deployment(), identifier); why != "" && strings.Contains(identifier, ":") {
		return nil, errors.New(why)
	}
	keys, err := t.keys()
	if err != nil {
		return nil, err
	}
	found, err := s.Lookup(identifier, keys)
	if err != nil {
		return nil, err
	}
	return json.Marshal(found)
}
