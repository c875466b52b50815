package system

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"paxos/bench/wire"
	"paxos/client"
)

// restWay is users with a connection each.
type restWay struct {
	writes, reads []string

	mu    sync.Mutex
	users []*restUser
}

// User implements Way.
func (w *restWay) User(n int) (User, error) {
	u := &restUser{writes: wire.New(w.writes[n%len(w.writes)])}
	u.reads = u.writes
	if at := w.reads[n%len(w.reads)]; at != w.writes[n%len(w.writes)] {
		u.reads = wire.New(at)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.users = append(w.users, u)
	return u, nil
}

// Close implements Way. No user may be asking any more.
func (w *restWay) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range w.users {
		_, _ = u.writes.Close(), u.reads.Close()
	}
	w.users = nil
	return nil
}

// restUser speaks to a client service, as curl would.
type restUser struct {
	writes, reads *wire.Conn
	target, body  []byte
}

// Put implements User.
func (u *restUser) Put(ctx context.Context, key string, value []byte) error {
	u.target = append(append(u.target[:0], "/kv/"...), key...)
	a, err := u.writes.Do(ctx, "PUT", string(u.target), "", value)
	if err != nil {
		return err
	}
	return a.Err()
}

// Get implements User.
func (u *restUser) Get(ctx context.Context, key string, stale bool) ([]byte, error) {
	u.target = append(append(u.target[:0], "/kv/"...), key...)
	if stale {
		u.target = append(u.target, "?consistency=stale"...)
	}
	a, err := u.reads.Do(ctx, "GET", string(u.target), "", nil)
	switch {
	case err != nil:
		return nil, err
	case a.Status == http.StatusNotFound:
		return nil, ErrMissing
	}
	return a.Body, a.Err()
}

// Increment implements User.
func (u *restUser) Increment(ctx context.Context, key string) error {
	a, err := u.writes.Do(ctx, "POST", "/kv/"+key, "Content-Type: application/json\r\n", []byte(`{"increment":"1"}`))
	if err != nil {
		return err
	}
	return a.Err()
}

// PutAll implements User: a transaction.
func (u *restUser) PutAll(ctx context.Context, keys []string, values [][]byte) error {
	body := append(u.body[:0], `{"then":[`...)
	for i, k := range keys {
		if i > 0 {
			body = append(body, ',')
		}
		// The bench's keys and values need no escaping.
		body = append(append(body, `{"put":{"key":"`...), k...)
		body = append(append(append(body, `","value":"`...), values[i]...), `"}}`...)
	}
	u.body = append(body, "]}"...)
	a, err := u.writes.Do(ctx, "POST", "/txn", "Content-Type: application/json\r\n", u.body)
	if err != nil {
		return err
	}
	if err := a.Err(); err != nil {
		return err
	}
	var answer struct {
		Succeeded bool `json:"succeeded"`
	}
	if err := json.Unmarshal(a.Body, &answer); err != nil {
		return err
	}
	if !answer.Succeeded {
		return errors.New("the transaction was not executed")
	}
	return nil
}

// clientWay is all users behind one Go client, as a program would have it.
type clientWay struct{ client *client.Client }

func newClientWay(addresses []string) (Way, error) {
	c, err := client.New(addresses)
	if err != nil {
		return nil, err
	}
	return &clientWay{c}, nil
}

// User implements Way.
func (w *clientWay) User(int) (User, error) { return &clientUser{w.client}, nil }

// Close implements Way.
func (w *clientWay) Close() error {
	w.client.Close()
	return nil
}

type clientUser struct{ client *client.Client }

// Put implements User.
func (u *clientUser) Put(ctx context.Context, key string, value []byte) error {
	_, err := u.client.Put(ctx, key, string(value))
	return err
}

// Get implements User.
func (u *clientUser) Get(ctx context.Context, key string, stale bool) ([]byte, error) {
	var opts []client.ReadOption
	if stale {
		opts = append(opts, client.Stale)
	}
	kv, err := u.client.Get(ctx, key, opts...)
	if errors.Is(err, client.ErrNotFound) {
		return nil, ErrMissing
	}
	return []byte(kv.Text()), err
}

// Increment implements User.
func (u *clientUser) Increment(ctx context.Context, key string) error {
	_, err := u.client.Increment(ctx, key, 1)
	return err
}

// PutAll implements User.
func (u *clientUser) PutAll(ctx context.Context, keys []string, values [][]byte) error {
	var txn client.Txn
	for i, k := range keys {
		txn.Then = append(txn.Then, client.ThenPut(k, string(values[i])))
	}
	_, err := u.client.Txn(ctx, txn)
	return err
}
