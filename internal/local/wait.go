package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"paxos/client"
	"paxos/paxos"
)

// askEvery is how often nodes are asked while one waits for them.
const askEvery = 50 * time.Millisecond

// askLimit is how long one node may take to answer while one waits for many.
const askLimit = 500 * time.Millisecond

// LateError says for what one had waited when the time was up.
type LateError struct {
	Cause   error // why one waits no longer
	Pending string
}

// Error implements error.
func (e *LateError) Error() string {
	cause := e.Cause.Error()
	if e.Cause == context.DeadlineExceeded {
		cause = "the time is up"
	}
	return cause + "; still waiting for " + e.Pending
}

// Unwrap gives the cause.
func (e *LateError) Unwrap() error { return e.Cause }

// poll calls done until it says true or fails, or ctx ends; then the error
// says what was still pending, as it was last seen while there was time.
func poll(ctx context.Context, every time.Duration, done func() (bool, string, error)) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	last := ""
	for {
		ok, pending, err := done()
		if ok || err != nil {
			return err
		}
		if last == "" || ctx.Err() == nil {
			last = pending
		}
		select {
		case <-ctx.Done():
			return &LateError{context.Cause(ctx), last}
		case <-ticker.C:
		}
	}
}

// ask asks nodes all at once, each with a limit of its own, and gives what
// still is to be said of them, "" being nothing. Those that are paused or
// stopped are not asked.
func (c *Cluster) ask(ctx context.Context, nodes []Node, question func(context.Context, Node) string) []string {
	said := make([]string, len(nodes))
	var group sync.WaitGroup
	for i, n := range nodes {
		if status := c.State(n.ID).Status; status != Running {
			said[i] = fmt.Sprintf("%s (%s)", n.ID, status)
			continue
		}
		group.Go(func() {
			one, cancel := context.WithTimeout(ctx, askLimit)
			defer cancel()
			said[i] = question(one, n)
		})
	}
	group.Wait()
	return slices.DeleteFunc(said, func(s string) bool { return s == "" })
}

// Tell is called with what is pending, each time that it changes; nil is fine.
type Tell func(pending string)

func (t Tell) changes() func(string) {
	last := ""
	return func(now string) {
		if t != nil && now != last && now != "" {
			t(now)
		}
		last = now
	}
}

// WaitAnswering waits until the nodes of these ids answer, all when there are
// none. It fails at once when one of them has ended.
func (c *Cluster) WaitAnswering(ctx context.Context, tell Tell, ids ...paxos.NodeID) error {
	picked, err := c.pick(ids)
	if err != nil {
		return err
	}
	say := tell.changes()
	return poll(ctx, askEvery, func() (bool, string, error) {
		for _, n := range picked {
			if st := c.State(n.ID); st.Status == Stopped {
				return false, "", c.ended(n.ID, st)
			}
		}
		silent := c.ask(ctx, picked, func(ctx context.Context, n Node) string {
			if _, err := c.Health(ctx, n.ID); err != nil {
				return string(n.ID)
			}
			return ""
		})
		pending := strings.Join(silent, ", ") + " to answer"
		if len(silent) > 0 && ctx.Err() == nil {
			say(pending)
		}
		return len(silent) == 0, pending, nil
	})
}

// EndedError says that a node's process has ended by itself.
type EndedError struct {
	ID   paxos.NodeID
	Hint string // its last words
	Log  string // the file with all of them
}

// Error implements error.
func (e *EndedError) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("%s does not run", e.ID)
	}
	return fmt.Sprintf("%s has ended: %s (all it said is in %s)", e.ID, e.Hint, e.Log)
}

func (c *Cluster) ended(id paxos.NodeID, st State) error {
	return &EndedError{id, st.Hint, c.LogFile(id)}
}

// Health asks a node for its health.
func (c *Cluster) Health(ctx context.Context, id paxos.NodeID) (h client.Health, err error) {
	n, ok := c.Node(id)
	if !ok {
		return h, &NotFoundError{id, c.Nodes()}
	}
	if err := c.get(ctx, n, "/health", &h); err != nil {
		return h, err
	}
	if h.Node != id {
		return h, fmt.Errorf("%s answers as %s, not as %s", n.Address, h.Node, id)
	}
	return h, nil
}

func (c *Cluster) get(ctx context.Context, n Node, path string, to any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Address+path, nil)
	if err != nil {
		return err
	}
	_, err = c.do(request, to)
	return err
}

func (c *Cluster) do(request *http.Request, to any) (status int, err error) {
	begun := time.Now()
	response, err := c.http.Do(request)
	if err != nil {
		return 0, client.NoAnswer(request.URL.Host, time.Since(begun), err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 8<<20))
	if err != nil {
		return response.StatusCode, err
	}
	var p client.Problem
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json") && json.Unmarshal(text, &p) == nil {
		return response.StatusCode, &p
	}
	if err := json.Unmarshal(text, to); err != nil {
		return response.StatusCode, fmt.Errorf("%s answers %s with something else than JSON: %w", request.URL.Host, response.Status, err)
	}
	return response.StatusCode, nil
}

// ErrRefused means that this cluster cannot be initialised; the text says why.
var ErrRefused = errors.New("the acceptors refuse to be initialised")

// Initialise makes the cluster, once, and waits until it is made; made before
// is as good. It asks the acceptors in turn until ctx ends.
func (c *Cluster) Initialise(ctx context.Context, tell Tell) (paxos.ClusterID, error) {
	say := tell.changes()
	acceptors := c.Of(paxos.AcceptorRole)
	var made paxos.ClusterID
	turn := -1
	err := poll(ctx, askEvery, func() (bool, string, error) {
		turn++
		answer, err := c.initialise(ctx, acceptors[turn%len(acceptors)])
		pending := "the acceptors to form the cluster"
		switch {
		case err != nil:
			pending += ": " + err.Error()
		case answer.Progress == paxos.InitRefused:
			return false, "", fmt.Errorf("%w: %s", ErrRefused, answer.Why)
		case answer.Progress == paxos.InitForming:
			pending += fmt.Sprintf(", of which %v have not answered", answer.Waiting)
		default:
			made = answer.Cluster
			return true, "", nil
		}
		say(pending)
		return false, pending, nil
	})
	return made, err
}

func (c *Cluster) initialise(ctx context.Context, n Node) (answer paxos.Initialised, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.Address+"/init", bytes.NewReader(nil))
	if err != nil {
		return answer, err
	}
	_, err = c.do(request, &answer)
	return answer, err
}

// WaitLeader waits until a proposer leads, and gives its id; of two that say
// so, the one with the higher ballot.
func (c *Cluster) WaitLeader(ctx context.Context) (paxos.NodeID, error) {
	var best client.Leader
	err := poll(ctx, askEvery, func() (bool, string, error) {
		var mu sync.Mutex
		seen := c.ask(ctx, c.Of(paxos.ProposerRole), func(ctx context.Context, n Node) string {
			var l client.Leader
			if err := c.get(ctx, n, "/leader", &l); err != nil {
				return string(n.ID) + " does not answer"
			}
			mu.Lock()
			defer mu.Unlock()
			if l.Leading && l.Node == n.ID && (!best.Leading || best.Ballot.Less(l.Ballot)) {
				best = l
			}
			return fmt.Sprintf("%s hears %d of the %d acceptors needed", n.ID, l.Answering, l.Needed)
		})
		return best.Leading, "a leader: " + strings.Join(seen, "; "), nil
	})
	return best.Node, err
}

// WaitReady waits until every node answers and knows its cluster, and one
// leads: until a send succeeds. An acceptor that may not vote is no hindrance
// while a quorum is left.
func (c *Cluster) WaitReady(ctx context.Context, tell Tell) (leader paxos.NodeID, err error) {
	if err := c.WaitAnswering(ctx, tell); err != nil {
		return "", err
	}
	say := tell.changes()
	say("a leader")
	if leader, err = c.WaitLeader(ctx); err != nil {
		return "", err
	}
	return leader, c.waitJoined(ctx, tell, c.nodes)
}

// WaitJoined waits until the nodes of these ids, which answer, know their
// cluster, as long as there is a quorum of acceptors that could tell them.
func (c *Cluster) WaitJoined(ctx context.Context, tell Tell, ids ...paxos.NodeID) error {
	picked, err := c.pick(ids)
	if err != nil {
		return err
	}
	acceptors := c.Of(paxos.AcceptorRole)
	without := c.ask(ctx, acceptors, func(ctx context.Context, n Node) string {
		if h, err := c.Health(ctx, n.ID); err != nil || h.Cluster.IsZero() {
			return string(n.ID)
		}
		return ""
	})
	if 2*len(without) >= len(acceptors) {
		return nil
	}
	return c.waitJoined(ctx, tell, picked)
}

// waitJoined waits until nodes wait for nothing.
func (c *Cluster) waitJoined(ctx context.Context, tell Tell, nodes []Node) error {
	say := tell.changes()
	return poll(ctx, askEvery, func() (bool, string, error) {
		waiting := c.ask(ctx, nodes, func(ctx context.Context, n Node) string {
			if h, err := c.Health(ctx, n.ID); err != nil || h.Status == "waiting" {
				return string(n.ID)
			}
			return ""
		})
		pending := strings.Join(waiting, ", ") + " to join"
		if len(waiting) > 0 && ctx.Err() == nil {
			say(pending)
		}
		return len(waiting) == 0, pending, nil
	})
}
