//go:build linux

package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"paxos/client"
	"paxos/paxos"
)

// rest waits a little, as a user does whose request came to nothing.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// client is the Go client, which asks the client services in any order.
func (c *cluster) client(dice *rand.Rand) (*client.Client, error) {
	var addresses []string
	for _, id := range c.ids(paxos.ClientRole) {
		addresses = append(addresses, c.url(id, ""))
	}
	dice.Shuffle(len(addresses), func(i, j int) { addresses[i], addresses[j] = addresses[j], addresses[i] })
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return c.place.dial(ctx, network, address)
	}
	return client.New(addresses, client.WithHTTPClient(&http.Client{Transport: &http.Transport{DisableCompression: true, DialContext: dial}}))
}

// answer is what a request came to.
type answer struct {
	fate    fate
	status  int
	body    []byte
	problem client.Problem
}

// ask sends one request, once.
func (c *cluster) ask(node paxos.NodeID, method, path, body string, header http.Header) answer {
	request, err := http.NewRequest(method, c.url(node, path), bytes.NewReader([]byte(body)))
	if err != nil {
		c.report.Errorf("%v", err)
		return answer{fate: refused}
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := c.http.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return answer{fate: refused} // it never left
	}
	if err != nil {
		return answer{fate: unknown}
	}
	defer func() { _ = response.Body.Close() }()
	a := answer{status: response.StatusCode}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		return answer{fate: unknown}
	}
	if a.status == http.StatusOK {
		return a
	}
	if err := json.Unmarshal(a.body, &a.problem); err != nil || a.problem.Kind() == "" {
		c.report.Errorf("%s %s at %s: status %d without a problem: %q", method, path, node, a.status, a.body)
	}
	switch a.status {
	case http.StatusServiceUnavailable:
		a.fate = refused
	case http.StatusGatewayTimeout:
		a.fate = unknown
	case http.StatusPreconditionFailed, http.StatusConflict, http.StatusNotFound:
		a.fate = declined
	default:
		c.report.Errorf("%s %s at %s: status %d: %s", method, path, node, a.status, a.body)
		a.fate = unknown
	}
	return a
}

// into reads the body of an answer of 200.
func (c *cluster) into(a answer, to any) bool {
	if a.fate != acknowledged {
		return false
	}
	if err := json.Unmarshal(a.body, to); err != nil {
		c.report.Errorf("an answer cannot be read: %v: %s", err, a.body)
		return false
	}
	return true
}

// reader draws where a linearizable read goes: mostly to a client service,
// sometimes to a learner itself.
func (c *cluster) reader(dice *rand.Rand) paxos.NodeID {
	ids := c.ids(paxos.ClientRole)
	if dice.IntN(4) == 0 {
		ids = c.ids(paxos.LearnerRole)
	}
	return ids[dice.IntN(len(ids))]
}

// writer draws a client service.
func (c *cluster) writer(dice *rand.Rand) paxos.NodeID {
	ids := c.ids(paxos.ClientRole)
	return ids[dice.IntN(len(ids))]
}

var asJSON = http.Header{"Accept": {"application/json"}}

// read reads a key, linearizably, and notes what came of it. The value is ""
// if the key is not there, or if there was no answer.
func (c *cluster) read(r *recorder, worker int, node paxos.NodeID, key string) (string, bool) {
	call := r.now()
	a := c.ask(node, http.MethodGet, "/kv/"+url.PathEscape(key)+"?timeout=1s", "", asJSON)
	out := told{fate: a.fate}
	var got client.Got
	switch {
	case c.into(a, &got):
		out.value = got.Text()
		r.revision(key, out.value, got.Mod)
		r.count("answered by " + string(got.Learner))
		if got.Consistency != "linearizable" {
			c.report.Errorf("a read of %q was answered with consistency %q", key, got.Consistency)
		}
	case a.status == http.StatusNotFound && a.problem.Kind() == "no-such-key":
		out.fate = acknowledged
	case a.fate != refused:
		out.fate = unknown
	}
	r.note(worker, call, asked{key: key, kind: "read"}, out)
	return out.value, out.fate == acknowledged
}

// readAll reads every key of the history once more at every node that answers
// reads: what was unknown has been settled by now, or shows itself as late.
func (c *cluster) readAll(ctx context.Context, r *recorder, worker int) error {
	type visit struct {
		node paxos.NodeID
		key  string
	}
	visits := make(chan visit)
	parts := byKey(r.ops)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(visits)
		for _, part := range parts {
			for _, node := range append(c.ids(paxos.ClientRole), c.ids(paxos.LearnerRole)...) {
				select {
				case visits <- visit{node, part[0].Input.(asked).key}:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return nil
	})
	for i := range 8 {
		group.Go(func() error {
			for v := range visits {
				err := until(ctx, 30*time.Second, v.key+" to be read at "+string(v.node), func() bool {
					_, ok := c.read(r, worker+i, v.node, v.key)
					return ok
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}
