package kafka

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Session is how long a member may be silent before the coordinator gives its partitions to others. One
// that has not heard from the coordinator for so long must believe that it did.
const Session = groupSession

// pulse is how a member knows that it still is one. kafka-go's own heartbeats do not say when they were
// answered last, and stop during a rebalance, in which a member that keeps its partitions goes on working.
type pulse struct {
	base  time.Time    // of the monotonic clock
	heard atomic.Int64 // ns since base: when the newest request was sent that was answered well; 0: none yet

	mu         sync.Mutex
	member     string
	generation int32
}

// Silent is how long the coordinator has not confirmed this membership; very long if it never did.
func (g *Group) Silent() time.Duration {
	heard := g.pulse.heard.Load()
	if heard == 0 {
		return math.MaxInt64
	}
	return time.Since(g.pulse.base) - time.Duration(heard)
}

// beat sends heartbeats until ctx ends.
func (g *Group) beat(ctx context.Context) {
	for {
		if err := g.beatOnce(ctx); err != nil && ctx.Err() == nil {
			g.report("heartbeat", err)
		}
		if !pause(ctx, groupHeartbeat) {
			return
		}
	}
}

// beatOnce asks the coordinator whether it knows the member. During a rebalance it does, whichever
// generation we were in; the only answer that ends a membership is that the member is unknown.
func (g *Group) beatOnce(ctx context.Context) error {
	g.pulse.mu.Lock()
	member, generation := g.pulse.member, g.pulse.generation
	g.pulse.mu.Unlock()
	if member == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, groupSession/3)
	defer cancel()
	sent := time.Since(g.pulse.base)
	response, err := g.client.api.Heartbeat(ctx, &kafkago.HeartbeatRequest{
		GroupID: g.config.ID, MemberID: member, GenerationID: generation,
	})
	if err == nil {
		err = response.Error
	}
	if err == nil || errors.Is(err, kafkago.RebalanceInProgress) || errors.Is(err, kafkago.IllegalGeneration) {
		g.pulse.heard.Store(max(int64(sent), 1))
		g.told.Over("heartbeat")
		return nil
	}
	return describe(err)
}

// joined notes who we are now.
func (g *Group) joined(generation *kafkago.Generation) {
	g.pulse.mu.Lock()
	g.pulse.member, g.pulse.generation = generation.MemberID, generation.ID
	g.pulse.mu.Unlock()
}
