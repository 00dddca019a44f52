package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// The timing of group membership. kafka-go's defaults take 8 s to join and 17 s to leave.
//
//   - A session of 6 s is the least that brokers allow by default; a dead member's partitions stand
//     still for that long.
//   - A heartbeat every 0.5 s is how soon a member hears of a rebalance.
//   - 10 s for a rebalance: a member that has not let go by then loses its place, which is harmless
//     (a zombie writes the same numbers), while a longer wait holds up everyone.
const (
	groupHeartbeat   = 500 * time.Millisecond
	groupSession     = 6 * time.Second
	groupRebalance   = 10 * time.Second
	groupJoinBackoff = 200 * time.Millisecond
	groupCommitEvery = time.Second
)

// GroupConfig names a consumer group.
type GroupConfig struct {
	ID    string
	Topic string
	// MemberFile remembers who this member is, so that the process after a kill -9 takes its partitions over at once
	// instead of after the session timeout. Only one process at a time may use it; empty: nothing is remembered.
	MemberFile string
	// Balancer divides the partitions; nil: in ranges.
	Balancer Balancer
	// OnError hears what is tried again: a coordinator that is away, a join that failed, a commit
	// that was lost; of what lasts at once, when the reason changes, and every half minute. Called from the
	// group's goroutines; nil: nobody listens.
	OnError func(error)
}

// Group is this process's membership in a consumer group. It divides partitions among processes and
// keeps committed offsets, which are hints: see the package's invariants.
type Group struct {
	client *Client
	config GroupConfig

	mu      sync.Mutex
	pending map[int]int64 // newest offsets not committed yet
	pulse   pulse
	again   chan struct{} // asks for a rebalance
	told    Complaints
	trouble atomic.Pointer[error] // why the last attempt to join failed; nil: it did not
}

// NewGroup prepares a membership; Run joins.
func NewGroup(client *Client, config GroupConfig) (*Group, error) {
	if config.ID == "" || config.Topic == "" {
		return nil, errors.New("group: needs an id and a topic")
	}
	return &Group{client: client, config: config, pending: map[int]int64{}, pulse: pulse{base: time.Now()},
		again: make(chan struct{}, 1)}, nil
}

// Rebalance asks for the partitions to be divided anew: for a member whose Data has changed so much
// that they should lie elsewhere. It returns at once.
func (g *Group) Rebalance() {
	select {
	case g.again <- struct{}{}:
	default:
	}
}

// Run is a member until ctx ends or run fails. In each generation it calls run with the partitions that
// this process owns (ascending, maybe none) and a context that ends with the generation; run must let
// go of them and return within 10 s then. If run returns nil earlier, the membership goes on and the
// partitions stay assigned, unread. An error of run leaves the group and is returned; a broker that is
// away is waited for.
func (g *Group) Run(ctx context.Context, run func(ctx context.Context, assigned []int) error) error {
	config := kafkago.ConsumerGroupConfig{
		ID: g.config.ID, Brokers: g.client.config.Brokers, Dialer: g.client.dialer, Topics: []string{g.config.Topic},
		HeartbeatInterval: groupHeartbeat, SessionTimeout: groupSession, RebalanceTimeout: groupRebalance,
		JoinGroupBackoff: groupJoinBackoff, StartOffset: kafkago.FirstOffset,
	}
	if g.config.Balancer != nil {
		config.GroupBalancers = []kafkago.GroupBalancer{adapter{g.config.Balancer, g.config.Topic}}
	}
	group, err := kafkago.NewConsumerGroup(config)
	if err != nil {
		return fmt.Errorf("group %s: %w", g.config.ID, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	g.takeOver(ctx)
	var beating sync.WaitGroup
	defer beating.Wait()
	beats, still := context.WithCancel(context.WithoutCancel(ctx)) // until the last function of the last generation has returned
	defer still()
	beating.Go(func() { g.beat(beats) })
	member := ""       // who we are to the coordinator; empty: kafka-go has given that up
	var away time.Time // since when joining fails
	for {
		generation, err := group.Next(ctx)
		if err == nil {
			member, away = generation.MemberID, time.Time{}
			g.trouble.Store(nil)
			g.told.Over("join")
			g.remember(member)
			g.joined(generation)
			generation.Start(func(ended context.Context) { g.generation(ctx, ended, cancel, generation, run) })
			continue
		}
		if ctx.Err() == nil && !isAuthorization(err) {
			// Above all "[15] Group Coordinator Not Available", while a fresh cluster makes its offsets topic.
			reason := describe(err)
			g.report("join", reason)
			if errors.Is(err, kafkago.RebalanceInProgress) {
				continue // kafka-go keeps its place
			}
			g.trouble.Store(&reason)
			if old := member; old != "" {
				member = ""
				beating.Go(func() { g.abandoned(beats, old) })
			}
			if away.IsZero() {
				away = time.Now()
			}
			pause(ctx, rejoinPause(time.Since(away))) // kafka-go waits until it is asked for the next attempt
			continue
		}
		closing := group.Close() // ends the generation, waits for run, leaves
		g.forget()
		if cause := context.Cause(ctx); ctx.Err() != nil {
			err = cause
		}
		if closing != nil {
			g.report("leave", closing)
		}
		return fmt.Errorf("group %s: %w", g.config.ID, err)
	}
}

// generation runs one generation. It must not return before the generation ended, because kafka-go ends
// a generation with the first of its functions that returns.
func (g *Group) generation(parent, ended context.Context, fail context.CancelCauseFunc, generation *kafkago.Generation,
	run func(context.Context, []int) error) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	defer context.AfterFunc(ended, cancel)()
	g.mu.Lock()
	clear(g.pending) // the partitions may have moved on elsewhere
	g.mu.Unlock()
	var assigned []int
	for _, a := range generation.Assignments[g.config.Topic] {
		assigned = append(assigned, a.ID)
	}
	slices.Sort(assigned)
	if err := g.beatOnce(ctx); err != nil && ctx.Err() == nil {
		g.report("heartbeat", err) // the next beat tries again
	}
	done := make(chan error, 1)
	go func() { done <- run(ctx, assigned) }()
	ticker := time.NewTicker(groupCommitEvery)
	defer ticker.Stop()
	for returned := false; ; {
		select {
		case <-ticker.C:
			g.commit(generation)
		case <-g.again:
			cancel() // to return ends the generation, and so this member joins again
		case err := <-done:
			if err != nil && ctx.Err() == nil {
				fail(err)
			}
			returned = true
			done = nil
		case <-ctx.Done():
			if !returned {
				if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
					fail(err)
				}
			}
			g.commit(generation)
			return
		}
	}
}

// Commit notes the offset behind the last record that is done with; it is sent within a second, and
// lost without harm if the partition goes to another member first.
func (g *Group) Commit(partition int, offset int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pending[partition] = max(g.pending[partition], offset)
}

func (g *Group) commit(generation *kafkago.Generation) {
	g.mu.Lock()
	offsets := maps.Clone(g.pending)
	clear(g.pending)
	g.mu.Unlock()
	if len(offsets) == 0 {
		return
	}
	if err := generation.CommitOffsets(map[string]map[int]int64{g.config.Topic: offsets}); err != nil {
		g.report("commit", err)
		return
	}
	g.told.Over("commit")
}

// Committed returns the offset committed last, or -1 if there is none.
func (g *Group) Committed(ctx context.Context, partition int) (int64, error) {
	response, err := g.client.api.OffsetFetch(ctx, &kafkago.OffsetFetchRequest{
		GroupID: g.config.ID, Topics: map[string][]int{g.config.Topic: {partition}},
	})
	if err == nil {
		err = response.Error
	}
	if err != nil {
		return 0, fmt.Errorf("group %s: committed offset of %s/%d: %w", g.config.ID, g.config.Topic, partition, describe(err))
	}
	for _, p := range response.Topics[g.config.Topic] {
		if p.Partition == partition {
			if p.Error != nil {
				return 0, fmt.Errorf("group %s: committed offset of %s/%d: %w", g.config.ID, g.config.Topic, partition, p.Error)
			}
			return p.CommittedOffset, nil
		}
	}
	return -1, nil
}

// Trouble is why the last attempt to join failed; nil for a member, and before the first attempt.
func (g *Group) Trouble() error {
	if reason := g.trouble.Load(); reason != nil {
		return *reason
	}
	return nil
}

// report tells what failed, unless it was told just now.
func (g *Group) report(what string, err error) {
	if g.config.OnError != nil && g.told.Due(what, err.Error(), time.Now()) {
		g.config.OnError(fmt.Errorf("group %s: %s: %w", g.config.ID, what, err))
	}
}

// rejoinPause is what the next attempt to join waits for, beside groupJoinBackoff: a broker that was away for a moment is
// joined at once when it is back, and one that is away for long is asked every second or so.
func rejoinPause(away time.Duration) time.Duration { return min(away/20, time.Second) }
