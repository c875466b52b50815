package system

import (
	"context"
	"fmt"

	"paxos/paxos"
)

// Restarter is a system of which single servers can be killed and started again.
type Restarter interface {
	// Kill kills a server without a warning.
	Kill(id string) error
	// Restart starts it again, and does not wait for it.
	Restart(id string) error
	// Behind is by how many slots a server is behind its like, and whether it serves.
	Behind(ctx context.Context, id string) (slots int64, serves bool, err error)
}

// Kill implements Restarter.
func (o *Ours) Kill(id string) error { return o.cluster.Kill(paxos.NodeID(id)) }

// Restart implements Restarter.
func (o *Ours) Restart(id string) error { return o.cluster.Start(paxos.NodeID(id)) }

// places are the metrics that say how far a node of a role is.
var places = map[paxos.RoleName]string{paxos.AcceptorRole: "paxos_accepted_highest_slot", paxos.LearnerRole: "paxos_applied_watermark_slot"}

// Behind implements Restarter. The others are asked first: who was even with them
// a moment ago takes part.
func (o *Ours) Behind(ctx context.Context, id string) (slots int64, serves bool, err error) {
	node, ok := o.cluster.Node(paxos.NodeID(id))
	metric, has := places[node.Role]
	if !ok || !has {
		return 0, false, fmt.Errorf("%s: %w", id, ErrNot)
	}
	var furthest float64
	for _, other := range o.cluster.Of(node.Role) {
		if other.ID == node.ID {
			continue
		}
		n, err := metricAt(ctx, other.Address, metric)
		if err != nil {
			return 0, false, err
		}
		furthest = max(furthest, n)
	}
	own, err := metricAt(ctx, node.Address, metric)
	if err != nil {
		return 0, false, err
	}
	_, unready := fetch(ctx, "http://"+node.Address+"/readyz")
	return int64(furthest - own), unready == nil, nil
}

func metricAt(ctx context.Context, address, name string) (float64, error) {
	text, err := fetch(ctx, "http://"+address+"/metrics")
	if err != nil {
		return 0, err
	}
	n, err := Metric(text, name)
	if err != nil {
		err = fmt.Errorf("%s: %w", address, err)
	}
	return n, err
}

// Elections implements Electing.
func (o *Ours) Elections(ctx context.Context) (sum int64, err error) {
	for _, address := range o.addresses(paxos.ProposerRole) {
		n, err := metricAt(ctx, address, "paxos_elections_stood_total")
		if err != nil {
			return 0, err
		}
		sum += int64(n)
	}
	return sum, nil
}
