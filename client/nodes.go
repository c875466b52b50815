package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"paxos/paxos"
)

// Member is a node as gossip sees it.
type Member struct {
	ID   paxos.NodeID   `json:"id"`
	Role paxos.RoleName `json:"role"`
	// REST is the host:port where it answers HTTP, Gossip where it gossips.
	REST   string `json:"rest"`
	Gossip string `json:"gossip"`
	// State is "alive", "suspect", "dead" or "left": gossip's opinion.
	State string `json:"state"`
	// Started is in milliseconds since 1970, by the node's own clock.
	Started paxos.Number `json:"started"`
	// Leads says that the node itself claims to lead.
	Leads bool `json:"leads"`
	// Others are the addresses of further processes under the same id.
	Others []string `json:"others,omitempty"`
}

// Members is what one node's gossip knows.
type Members struct {
	Node    paxos.NodeID `json:"node"`
	Members []Member     `json:"members"`
}

// Members gives the cluster's nodes, as the service that answers sees them.
func (c *Client) Members(ctx context.Context) (m Members, err error) {
	return m, c.call(ctx, ask{method: http.MethodGet, path: "/gossip/nodes", repeat: true}, &m)
}

// node is a client of one address, whatever its role, with the same
// connections.
func (c *Client) node(address string) (*Client, error) {
	base, err := baseURL(address)
	if err != nil {
		return nil, &callError{ErrBadRequest, err}
	}
	return &Client{addresses: []string{base}, http: c.http}, nil
}

// get asks the node at an address, of any role.
func (c *Client) get(ctx context.Context, address, path string, answer any) error {
	n, err := c.node(address)
	if err != nil {
		return err
	}
	return n.call(ctx, ask{method: http.MethodGet, path: path, repeat: true}, answer)
}

// Health gives what the node at an address, of any role, says of itself.
func (c *Client) Health(ctx context.Context, address string) (h Health, err error) {
	return h, c.get(ctx, address, "/health", &h)
}

// LeaderOf gives what the proposer at an address says of leading.
func (c *Client) LeaderOf(ctx context.Context, address string) (l Leader, err error) {
	return l, c.get(ctx, address, "/leader", &l)
}

// Leader asks the proposers that gossip knows, and gives the answer of the one
// that leads. ErrUnavailable: none does at the moment.
func (c *Client) Leader(ctx context.Context) (Leader, error) {
	m, err := c.Members(ctx)
	if err != nil {
		return Leader{}, err
	}
	var addresses []string
	for _, n := range m.Members {
		if n.Role == paxos.ProposerRole && n.State != "left" {
			addresses = append(append(addresses, n.REST), n.Others...)
		}
	}
	return c.LeaderAmong(ctx, addresses)
}

// LeaderAmong asks the proposers at these addresses, all at once, and gives the
// answer of the one that leads; of two that say so, the higher ballot's. Each
// has a second to answer. ErrUnavailable: none leads; then it is the answer of
// one that does not, the zero Leader if there was no answer at all.
func (c *Client) LeaderAmong(ctx context.Context, addresses []string) (Leader, error) {
	type reply struct {
		leader Leader
		err    error
	}
	replies := make(chan reply, len(addresses))
	for _, a := range addresses {
		go func() {
			one, cancel := context.WithTimeout(ctx, leaderLimit)
			defer cancel()
			l, err := c.LeaderOf(one, a)
			replies <- reply{l, err}
		}()
	}
	var best Leader
	var seen []string
	for range addresses {
		switch r := <-replies; {
		case r.err != nil:
			seen = append(seen, cause(r.err))
		case r.leader.Leading && (!best.Leading || best.Ballot.Less(r.leader.Ballot)):
			best = r.leader
		default:
			if best.Node == "" {
				best = r.leader
			}
			seen = append(seen, fmt.Sprintf("%s hears %s of %d needed", r.leader.Node, counted(r.leader.Answering, "acceptor"), r.leader.Needed))
		}
	}
	if best.Leading {
		return best, nil
	}
	if len(seen) == 0 {
		seen = []string{"no proposer is known"}
	}
	return best, &callError{ErrUnavailable, fmt.Errorf("no proposer leads: %s", strings.Join(seen, "; "))}
}

// Initialised answers Initialise.
type Initialised struct {
	// Progress is "forming" (ask again), "done", or "already" (it was
	// initialised before; nothing was changed).
	Progress string          `json:"progress"`
	Cluster  paxos.ClusterID `json:"current"`
	// Waiting are the acceptors that have not answered yet.
	Waiting []paxos.NodeID `json:"waiting"`
	// Why says why the cluster cannot be initialised.
	Why string `json:"why"`
}

// Initialise asks the acceptor at an address to make the cluster, once and for
// ever. ErrConflict: the acceptors' disks do not allow it; Why says why.
func (c *Client) Initialise(ctx context.Context, address string) (i Initialised, err error) {
	n, err := c.node(address)
	if err != nil {
		return i, err
	}
	a := ask{method: http.MethodPost, path: "/init", write: true, repeat: true, timed: true, refusal: http.StatusConflict}
	if err = n.call(ctx, a, &i); err == nil && i.Progress == "refused" {
		err = &callError{ErrConflict, &Problem{Title: http.StatusText(a.refusal), Status: a.refusal, Detail: i.Why}}
	}
	return i, err
}

// Events says which of a node's protocol events are meant. The zero value
// means the last 100.
type Events struct {
	// Since is the number of the last event that is known already: those after
	// it are meant, the oldest first. 0 means the newest ones.
	Since uint64
	// FromStart means the oldest ones that are kept, if Since is 0.
	FromStart bool
	// Limit is how many at most, 1 to 10,000; 0 means 100.
	Limit int
	// Kinds are the kinds that are meant, all when it is empty.
	Kinds []string
}

func (e Events) query() url.Values {
	q := url.Values{}
	if e.Since > 0 || e.FromStart {
		q.Set("since", number(e.Since))
	}
	if e.Limit > 0 {
		q.Set("limit", strconv.Itoa(e.Limit))
	}
	if len(e.Kinds) > 0 {
		q.Set("kind", strings.Join(e.Kinds, ","))
	}
	return q
}

// Log is a part of a node's protocol events.
type Log struct {
	Node paxos.NodeID   `json:"node"`
	Role paxos.RoleName `json:"role"`
	// Start is Health's: another one after every restart, when events are counted
	// from 1 again.
	Start  string  `json:"start"`
	State  any     `json:"state"`
	Events []Event `json:"events"`
	// Last is the number to ask on from; Lost is how many events were no
	// longer kept.
	Last paxos.Number `json:"last"`
	Lost paxos.Number `json:"lost"`
}

// Events gives protocol events of the node at an address, of any role, and its
// inner state.
func (c *Client) Events(ctx context.Context, address string, which Events) (l Log, err error) {
	n, err := c.node(address)
	if err != nil {
		return l, err
	}
	return l, n.call(ctx, ask{method: http.MethodGet, path: "/view-logs", query: which.query(), repeat: true}, &l)
}

// Chosen gives a page of the log as the learner at an address applied it, from a
// slot on: at most limit entries, and perhaps fewer. What is below the learner's
// floor is a Problem of the kind "truncated".
func (c *Client) Chosen(ctx context.Context, address string, from paxos.Slot, limit int) (page paxos.Chosen, err error) {
	n, err := c.node(address)
	if err != nil {
		return page, err
	}
	q := url.Values{"from": {number(uint64(from))}, "limit": {strconv.Itoa(limit)}}
	return page, n.call(ctx, ask{method: http.MethodGet, path: "/chosen", query: q, repeat: true}, &page)
}

// Follow gives protocol events of the node at an address as they happen, until
// ctx ends; then, or when the node goes away, it gives an error last. Limit is
// how many old ones come first.
func (c *Client) Follow(ctx context.Context, address string, which Events) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if err := c.follow(ctx, address, which, yield); err != nil {
			yield(Event{}, &callError{ErrUnavailable, err})
		}
	}
}

func (c *Client) follow(ctx context.Context, address string, which Events, yield func(Event, error) bool) error {
	base, err := baseURL(address)
	if err != nil {
		return err
	}
	query := which.query()
	query.Set("follow", "1")
	begun := time.Now()
	response, err := c.send(ctx, base, &ask{method: http.MethodGet, path: "/view-logs", query: query}, 0)
	if err != nil {
		return NoAnswer(base, time.Since(begun), err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		return problemOf(response, text)
	}
	for lines := bufio.NewReader(response.Body); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return errors.Join(ctx.Err(), err)
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("%s: an event cannot be read: %w", base, err)
		}
		if !yield(e, nil) {
			return nil
		}
	}
}
