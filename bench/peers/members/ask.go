package members

import (
	"context"
	"errors"
	"slices"
	"sync"

	"paxos/bench/wire"
)

// Askers are the HTTP users of a cluster.
type Askers struct {
	mu    sync.Mutex
	conns []*wire.Conn
}

// Asker has a connection to one member of a cluster at a time. After an error it
// goes to the next member, as a user does whose server is gone.
type Asker struct {
	conns []*wire.Conn // the first is in use
}

// Add makes one more, who begins with the first of the members.
func (w *Askers) Add(members ...string) *Asker {
	a := &Asker{}
	for _, m := range members {
		a.conns = append(a.conns, wire.New(m))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, a.conns...)
	return a
}

// Close ends all connections.
func (w *Askers) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, c := range w.conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// From are the addresses of all members, beginning with one of them.
func From(addresses []string, first int) []string {
	return slices.Concat(addresses[first:], addresses[:first])
}

// Do asks. An answer of 404 is no error; any other that is no success is one.
func (a *Asker) Do(ctx context.Context, method, target, header string, body []byte) (wire.Answer, error) {
	answer, err := a.conns[0].Do(ctx, method, target, header, body)
	if err == nil && answer.Status != 404 {
		err = answer.Err()
	}
	if err != nil {
		a.conns = append(a.conns[1:], a.conns[0])
	}
	return answer, err
}
