package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// takeOverLimit bounds the attempt to leave in a dead process's name: without it the session timeout does the same.
const takeOverLimit = 3 * time.Second

// takeOver leaves the group in the name of the process that used MemberFile before and had no time to leave: its
// partitions then come to us at once, and not when its session times out.
func (g *Group) takeOver(ctx context.Context) {
	if g.config.MemberFile == "" {
		return
	}
	id, err := os.ReadFile(g.config.MemberFile)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, takeOverLimit)
		defer cancel()
		err = g.leaveAs(ctx, strings.TrimSpace(string(id)))
	}
	if err != nil && ctx.Err() == nil {
		g.report("leave for the process before", fmt.Errorf("%w; its partitions come in %v", describe(err), groupSession))
	}
}

// abandoned takes out of the group who we were until the coordinator was lost: kafka-go then joins as somebody new, and a
// coordinator that is back waits with everybody's partitions until the old self's session has run out. It asks until it is
// answered, or ctx ends. Our own heartbeats would keep the old self alive for longer.
func (g *Group) abandoned(ctx context.Context, member string) {
	g.pulse.mu.Lock()
	if g.pulse.member == member {
		g.pulse.member = ""
	}
	g.pulse.mu.Unlock()
	for failures := 1; g.leaveAs(ctx, member) != nil && pause(ctx, backoff(failures)); failures++ {
	}
}

// leaveAs takes a member out of the group; one that is no member any more is fine.
func (g *Group) leaveAs(ctx context.Context, member string) error {
	response, err := g.client.api.LeaveGroup(ctx, &kafkago.LeaveGroupRequest{
		GroupID: g.config.ID, Members: []kafkago.LeaveGroupRequestMember{{ID: member}},
	})
	if err != nil {
		return err
	}
	err = response.Error
	for _, m := range response.Members {
		err = errors.Join(err, m.Error)
	}
	if errors.Is(err, kafkago.UnknownMemberId) {
		return nil
	}
	return err
}

// remember keeps the member's id for the process after this one. Written beside and renamed: half an id helps nobody.
func (g *Group) remember(member string) {
	if g.config.MemberFile == "" {
		return
	}
	err := os.MkdirAll(filepath.Dir(g.config.MemberFile), 0o700)
	if err == nil {
		err = os.WriteFile(g.config.MemberFile+".new", []byte(member+"\n"), 0o600)
	}
	if err == nil {
		err = os.Rename(g.config.MemberFile+".new", g.config.MemberFile)
	}
	if err != nil {
		g.report("member file", err)
	}
}

// forget is for a member that has left by itself.
func (g *Group) forget() {
	if g.config.MemberFile != "" {
		_ = os.Remove(g.config.MemberFile) // one that stays names nobody: the next process is told so
	}
}
