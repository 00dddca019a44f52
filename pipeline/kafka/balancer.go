package kafka

import (
	"context"
	"errors"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"
)

// Balancer divides the partitions of a topic among the members of a group. All members of a group use
// the same one; Assign runs at the member that the coordinator made the leader.
type Balancer interface {
	// Name is the protocol's name. Members of another name cannot join.
	Name() string
	// Data is what this member tells the leader about itself, asked anew at each join.
	Data() []byte
	// Assign returns partitions by member id. It must not depend on anything but its arguments, nor on
	// their order. What it leaves out nobody owns.
	Assign(members []Member, partitions []int) map[string][]int
}

// Member is one member of a group.
type Member struct {
	ID   string
	Data []byte // of its Balancer
}

// adapter is a Balancer as kafka-go wants it.
type adapter struct {
	balancer Balancer
	topic    string
}

// ProtocolName implements kafkago.GroupBalancer.
func (a adapter) ProtocolName() string { return a.balancer.Name() }

// UserData implements kafkago.GroupBalancer.
func (a adapter) UserData() ([]byte, error) { return a.balancer.Data(), nil }

// AssignGroups implements kafkago.GroupBalancer.
func (a adapter) AssignGroups(members []kafkago.GroupMember, partitions []kafkago.Partition) kafkago.GroupMemberAssignments {
	list := make([]Member, len(members))
	for i, m := range members {
		list[i] = Member{ID: m.ID, Data: m.UserData}
	}
	var ids []int
	for _, p := range partitions {
		if p.Topic == a.topic {
			ids = append(ids, p.ID)
		}
	}
	out := kafkago.GroupMemberAssignments{}
	for _, m := range list { // also for who gets nothing: the leader speaks of everybody
		out[m.ID] = map[string][]int{a.topic: nil}
	}
	for id, owned := range a.balancer.Assign(list, ids) {
		out[id] = map[string][]int{a.topic: owned}
	}
	return out
}

// Ownership is what the coordinator says of one member.
type Ownership struct {
	Member
	Partitions []int
}

// ErrNoMembers says that a group has no members, or is dividing its partitions just now.
var ErrNoMembers = errors.New("the group has no settled members")

// Members asks the coordinator who is in the group and owns what.
func (g *Group) Members(ctx context.Context) ([]Ownership, error) {
	response, err := g.client.api.DescribeGroups(ctx, &kafkago.DescribeGroupsRequest{GroupIDs: []string{g.config.ID}})
	if err != nil {
		return nil, fmt.Errorf("group %s: members: %w", g.config.ID, describe(err))
	}
	for _, described := range response.Groups {
		if described.GroupID != g.config.ID {
			continue
		}
		if described.Error != nil {
			return nil, fmt.Errorf("group %s: members: %w", g.config.ID, described.Error)
		}
		if described.GroupState != "Stable" {
			return nil, fmt.Errorf("group %s: %w (state %s)", g.config.ID, ErrNoMembers, described.GroupState)
		}
		list := make([]Ownership, 0, len(described.Members))
		for _, m := range described.Members {
			o := Ownership{Member: Member{ID: m.MemberID, Data: m.MemberMetadata.UserData}}
			for _, t := range m.MemberAssignments.Topics {
				if t.Topic == g.config.Topic {
					o.Partitions = append(o.Partitions, t.Partitions...)
				}
			}
			list = append(list, o)
		}
		return list, nil
	}
	return nil, fmt.Errorf("group %s: %w", g.config.ID, ErrNoMembers)
}
