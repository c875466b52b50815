package rqlite

import (
	"bytes"
	"context"
	"fmt"

	"paxos/bench/peers/members"
	"paxos/bench/system"
)

// way is over HTTP: a connection for each user, to the leader first.
type way struct {
	members.Askers
	addresses []string
}

// User implements system.Way.
func (w *way) User(int) (system.User, error) { return &user{asker: w.Add(w.addresses...)}, nil }

// user speaks SQL with parameters, in JSON.
type user struct {
	asker *members.Asker
	body  []byte
	bad   error // of the body
}

const (
	upsert    = `"INSERT INTO kv(k, v) VALUES(?, ?) ON CONFLICT(k) DO UPDATE SET v = excluded.v"`
	increment = `"INSERT INTO kv(k, v) VALUES(?, 1) ON CONFLICT(k) DO UPDATE SET v = v + 1"`
	choose    = `"SELECT v FROM kv WHERE k = ?"`
)

// statement appends a statement and its parameters. These are text that needs no
// escape in JSON, as all keys and values of the bench are.
func statement[T ~string | ~[]byte](u *user, sql string, parameters ...T) {
	u.body = append(append(u.body, '['), sql...)
	for _, p := range parameters {
		for i := range len(p) {
			if p[i] < ' ' || p[i] > '~' || p[i] == '"' || p[i] == '\\' {
				u.bad = fmt.Errorf("%.40q needs an escape in JSON: %w", p, system.ErrNot)
			}
		}
		u.body = append(append(append(u.body, `,"`...), p...), '"')
	}
	u.body = append(u.body, ']')
}

func (u *user) begin() { u.body, u.bad = append(u.body[:0], '['), nil }

// post sends the body. That a statement failed is said in an answer of 200.
func (u *user) post(ctx context.Context, target string) ([]byte, error) {
	if u.bad != nil {
		return nil, u.bad
	}
	answer, err := u.asker.Do(ctx, "POST", target, "Content-Type: application/json\r\n", u.body)
	if err == nil {
		err = answer.Err()
	}
	if err == nil && (bytes.Contains(answer.Body, []byte(`"error":`)) || !bytes.HasPrefix(answer.Body, []byte(`{"results":[`))) {
		err = fmt.Errorf("rqlite answers %.300s", answer.Body)
	}
	return answer.Body, err
}

func (u *user) execute(ctx context.Context, target string) error {
	u.body = append(u.body, ']')
	_, err := u.post(ctx, target)
	return err
}

// Put implements system.User.
func (u *user) Put(ctx context.Context, key string, value []byte) error {
	u.begin()
	statement(u, upsert, []byte(key), value)
	return u.execute(ctx, "/db/execute")
}

// Increment implements system.User.
func (u *user) Increment(ctx context.Context, key string) error {
	u.begin()
	statement(u, increment, key)
	return u.execute(ctx, "/db/execute")
}

// PutAll implements system.User: a transaction.
func (u *user) PutAll(ctx context.Context, keys []string, values [][]byte) error {
	u.begin()
	for i, key := range keys {
		if i > 0 {
			u.body = append(u.body, ',')
		}
		statement(u, upsert, []byte(key), values[i])
	}
	return u.execute(ctx, "/db/execute?transaction")
}

// Get implements system.User.
func (u *user) Get(ctx context.Context, key string, stale bool) ([]byte, error) {
	u.begin()
	statement(u, choose, key)
	u.body = append(u.body, ']')
	target := "/db/query?level=linearizable"
	if stale {
		target = "/db/query?level=none"
	}
	answer, err := u.post(ctx, target)
	if err != nil {
		return nil, err
	}
	_, rest, found := bytes.Cut(answer, []byte(`"values":[["`))
	if !found {
		return nil, system.ErrMissing
	}
	value, _, ended := bytes.Cut(rest, []byte(`"`))
	if !ended {
		return nil, fmt.Errorf("rqlite answers %.300s", answer)
	}
	return value, nil
}
