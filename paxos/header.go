package paxos

import "fmt"

// Header is what a node knows of itself, put on every envelope it sends and
// compared with every envelope it gets.
type Header struct {
	Node    NodeID
	Cluster ClusterID
	Config  Stamp
}

// Envelope addresses a message.
func (h Header) Envelope(to NodeID, m Message) Envelope {
	return Envelope{From: h.Node, To: to, Cluster: h.Cluster, Config: h.Config, Message: m}
}

// HeaderError says that an envelope was not meant for this node.
type HeaderError struct {
	Field     string // "to", "cluster" or "config"
	Got, Want string
}

// Error implements error.
func (e *HeaderError) Error() string {
	switch e.Field {
	case "to":
		return fmt.Sprintf("this is %s, not %s", e.Want, e.Got)
	case "cluster":
		return fmt.Sprintf("this node belongs to cluster %s, not %s", named(e.Want), named(e.Got))
	default:
		return fmt.Sprintf("this node's acceptor configuration is %s, the sender's is %s", e.Want, e.Got)
	}
}

func named(cluster string) string {
	if cluster == "" {
		return "(none yet)"
	}
	return cluster
}

// Check refuses an envelope that was meant for another node, cluster or
// configuration. Before a node knows its cluster, only the messages pass that
// help to find or make one.
func (h Header) Check(e Envelope) error {
	if e.To != h.Node {
		return &HeaderError{"to", string(e.To), string(h.Node)}
	}
	if e.Message.Kind() == KindLocal {
		return nil
	}
	if e.Config != h.Config {
		return &HeaderError{"config", e.Config.String(), h.Config.String()}
	}
	if e.Cluster == h.Cluster && !h.Cluster.IsZero() {
		return nil
	}
	switch e.Message.Kind() {
	case KindSurvey, KindSurveyed:
		// Whoever knows no cluster yet asks the acceptors.
		if e.Cluster.IsZero() || h.Cluster.IsZero() {
			return nil
		}
	case KindInit, KindInitialised, KindForm, KindFormed, KindEnroll:
		return nil
	}
	return &HeaderError{"cluster", e.Cluster.String(), h.Cluster.String()}
}

// String gives "number/hash".
func (s Stamp) String() string { return fmt.Sprintf("%d/%v", s.Number, s.Acceptors) }
