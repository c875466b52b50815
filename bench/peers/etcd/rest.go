package etcd

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"

	"paxos/bench/peers/members"
	"paxos/bench/system"
)

// rest is the way over etcd's REST gateway: a connection for each user, to the
// leader first.
type rest struct {
	members.Askers
	addresses []string // the leader's first
}

// User implements system.Way.
func (w *rest) User(int) (system.User, error) { return &poster{asker: w.Add(w.addresses...)}, nil }

// poster is a user over the gateway, where keys and values are Base64 in JSON.
type poster struct {
	asker   *members.Asker
	body    []byte
	value   []byte
	counter string // a key that this user has incremented
}

// post sends the body.
func (u *poster) post(ctx context.Context, path string) ([]byte, error) {
	answer, err := u.asker.Do(ctx, "POST", path, "Content-Type: application/json\r\n", u.body)
	if err == nil {
		err = answer.Err()
	}
	return answer.Body, err
}

func (u *poster) begin(text string) { u.body = append(u.body[:0], text...) }

func (u *poster) text(text string) { u.body = append(u.body, text...) }

// base64 appends a string of JSON, in quotes.
func (u *poster) base64(raw []byte) {
	u.body = append(u.body, '"')
	u.body = base64.StdEncoding.AppendEncode(u.body, raw)
	u.body = append(u.body, '"')
}

// put appends a request to put.
func (u *poster) put(key string, value []byte) {
	u.text(`{"key":`)
	u.base64([]byte(key))
	u.text(`,"value":`)
	u.base64(value)
	u.text(`}`)
}

// Put implements system.User.
func (u *poster) Put(ctx context.Context, key string, value []byte) error {
	u.begin("")
	u.put(key, value)
	_, err := u.post(ctx, "/v3/kv/put")
	return err
}

// PutAll implements system.User: a transaction.
func (u *poster) PutAll(ctx context.Context, keys []string, values [][]byte) error {
	u.begin(`{"success":[`)
	for i, key := range keys {
		if i > 0 {
			u.text(",")
		}
		u.text(`{"request_put":`)
		u.put(key, values[i])
		u.text("}")
	}
	u.text("]}")
	_, err := u.post(ctx, "/v3/kv/txn")
	return err
}

// Get implements system.User.
func (u *poster) Get(ctx context.Context, key string, stale bool) ([]byte, error) {
	u.begin(`{"key":`)
	u.base64([]byte(key))
	if stale {
		u.text(`,"serializable":true`)
	}
	u.text("}")
	answer, err := u.post(ctx, "/v3/kv/range")
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(answer, []byte(`"kvs"`)) {
		return nil, system.ErrMissing
	}
	field := `"value":`
	if key == u.counter {
		field = `"version":`
	}
	_, rest, _ := bytes.Cut(answer, []byte(field))
	rest, quoted := bytes.CutPrefix(bytes.TrimLeft(rest, " "), []byte(`"`))
	text, _, ended := bytes.Cut(rest, []byte(`"`))
	if !quoted || !ended {
		return nil, fmt.Errorf("etcd's answer to a read has no value: %.200q", answer)
	}
	if key == u.counter {
		return text, nil
	}
	u.value, err = base64.StdEncoding.AppendDecode(u.value[:0], text)
	return u.value, err
}

// Increment implements system.User, as over gRPC.
func (u *poster) Increment(ctx context.Context, key string) error {
	u.counter = key
	return u.Put(ctx, key, nil)
}
