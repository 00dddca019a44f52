package broker

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"portrait/pipeline/kafka"
)

// A broker that was away and comes back remembers the members it had; who lost it joins anew, and until the session of
// their old selves had run out, everybody's partitions stood still. They take their old selves out.
func TestRejoinWithoutTheOldSelf(t *testing.T) {
	ctx := deadline(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	var away atomic.Bool
	withoutCoordinator(cluster, &away)
	left := make(chan string, 100)
	cluster.ControlKey(int16(kmsg.LeaveGroup), func(q kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		leave := q.(*kmsg.LeaveGroupRequest)
		left <- leave.MemberID
		for _, m := range leave.Members {
			left <- m.MemberID
		}
		return nil, nil, false
	})
	client := connect(t, cluster.ListenAddrs()...)
	ensure(t, client, kafka.CleanupDelete)
	file := filepath.Join(t.TempDir(), "member")
	group, err := kafka.NewGroup(client, kafka.GroupConfig{ID: "g", Topic: "t", MemberFile: file, OnError: func(err error) {
		if strings.Contains(err.Error(), "join") {
			away.Store(false) // it has noticed
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	owned := make(chan []int, 100)
	run, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- group.Run(run, func(ctx context.Context, assigned []int) error {
			owned <- assigned
			<-ctx.Done()
			return nil
		})
	}()
	defer func() { stop(); t.Log(<-ended) }()
	next := func(what string) {
		t.Helper()
		select {
		case assigned := <-owned:
			if !slices.Equal(assigned, []int{0}) {
				t.Fatalf("%s: %v", what, assigned)
			}
		case <-ctx.Done():
			t.Fatalf("%s: never", what)
		}
	}
	next("the first time")
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	away.Store(true)
	next("when the broker is back")
	for {
		select {
		case member := <-left:
			if member == strings.TrimSpace(string(old)) {
				return
			}
		case <-ctx.Done():
			t.Fatal("nobody took the old self out of the group")
		}
	}
}

// withoutCoordinator makes a cluster answer that it has no coordinator of groups, while away is set. It returns how often
// somebody looked for one in vain.
func withoutCoordinator(cluster *kfake.Cluster, away *atomic.Bool) (looked *atomic.Int64) {
	looked = new(atomic.Int64)
	for key, lost := range map[kmsg.Key]func() kmsg.Response{
		kmsg.FindCoordinator: func() kmsg.Response {
			looked.Add(1)
			r := kmsg.NewFindCoordinatorResponse()
			r.ErrorCode = kerr.CoordinatorNotAvailable.Code
			return &r
		},
		kmsg.Heartbeat: func() kmsg.Response {
			r := kmsg.NewHeartbeatResponse()
			r.ErrorCode = kerr.CoordinatorNotAvailable.Code
			return &r
		},
	} {
		cluster.ControlKey(int16(key), func(q kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			if !away.Load() {
				return nil, nil, false
			}
			r := lost()
			r.SetVersion(q.GetVersion())
			if f, ok := r.(*kmsg.FindCoordinatorResponse); ok { // from version 4 on the answer is per group
				c := kmsg.NewFindCoordinatorResponseCoordinator()
				c.ErrorCode = f.ErrorCode
				f.Coordinators = append(f.Coordinators, c)
			}
			return r, nil, true
		})
	}
	return looked
}

// A coordinator that is away is looked for several times a second, and told of once.
func TestJoiningIsToldOnce(t *testing.T) {
	ctx := deadline(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	var away atomic.Bool
	away.Store(true)
	looked := withoutCoordinator(cluster, &away)
	client := connect(t, cluster.ListenAddrs()...)
	ensure(t, client, kafka.CleanupDelete)
	var told atomic.Int64
	group, err := kafka.NewGroup(client, kafka.GroupConfig{ID: "g", Topic: "t", OnError: func(err error) {
		t.Log(err)
		told.Add(1)
	}})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	run, stop := context.WithCancel(ctx)
	owned, ended := make(chan struct{}, 100), make(chan error, 1)
	go func() {
		ended <- group.Run(run, func(ctx context.Context, _ []int) error {
			owned <- struct{}{}
			<-ctx.Done()
			return nil
		})
	}()
	defer func() { stop(); t.Log(<-ended) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for looked.Load() < 8 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("looked for the coordinator %d times", looked.Load())
		}
	}
	if reason := group.Trouble(); reason == nil || !strings.Contains(reason.Error(), "Coordinator") {
		t.Errorf("meanwhile the trouble is %v", reason)
	}
	away.Store(false)
	select {
	case <-owned:
	case <-ctx.Done():
		t.Fatal("never joined")
	}
	if most := 1 + int64(time.Since(began)/(5*time.Second)); told.Load() > most {
		t.Errorf("told %d times of %d failures in %v, want at most %d", told.Load(), looked.Load(), time.Since(began), most)
	}
	if reason := group.Trouble(); reason != nil {
		t.Errorf("as a member: %v", reason)
	}
}
