package nats

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"paxos/bench/system"
)

// user does what NATS's key-value client does, without its checks of names and
// its decoding of what nobody looks at: the loader shares the processor with the
// servers.
type user struct {
	conn    *nats.Conn
	counter string // a key that this user has incremented
	value   []byte
	asked   []byte
}

// ask sends a message to a subject that JetStream answers.
func (u *user) ask(ctx context.Context, m *nats.Msg) ([]byte, error) {
	answer, err := u.conn.RequestMsgWithContext(ctx, m)
	if err != nil {
		return nil, err
	}
	return answer.Data, nil
}

// acknowledged says whether an answer to a publication is one of success.
func acknowledged(answer []byte) error {
	if bytes.HasPrefix(answer, []byte(`{"stream":`)) && !bytes.Contains(answer, []byte(`"error"`)) {
		return nil
	}
	return fmt.Errorf("NATS answers %.300s", answer)
}

// Put implements system.User.
func (u *user) Put(ctx context.Context, key string, value []byte) error {
	answer, err := u.ask(ctx, &nats.Msg{Subject: subjects + key, Data: value})
	if err != nil {
		return err
	}
	return acknowledged(answer)
}

// Get implements system.User. A linearizable read is a question to the stream's
// leader: the most that NATS offers. It is not a quorum read: a leader that was
// deposed and does not know it yet may give an old value (NATS's docs,
// "Consistency"). A stale one is a direct get, which every replica answers.
func (u *user) Get(ctx context.Context, key string, stale bool) ([]byte, error) {
	switch {
	case key == u.counter:
		return u.count(ctx, key)
	case stale:
		answer, err := u.conn.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+stream+"."+subjects+key, nil)
		if err != nil {
			return nil, err
		}
		switch status := answer.Header.Get("Status"); status {
		case "":
			return answer.Data, nil
		case "404":
			return nil, system.ErrMissing
		default:
			return nil, fmt.Errorf("NATS answers a direct get with %q", status)
		}
	}
	return u.last(ctx, stream, subjects+key)
}

// last asks the leader of a stream for the last message of a subject.
func (u *user) last(ctx context.Context, stream, subject string) ([]byte, error) {
	u.asked = append(append(append(u.asked[:0], `{"last_by_subj":"`...), subject...), `"}`...)
	answer, err := u.ask(ctx, &nats.Msg{Subject: "$JS.API.STREAM.MSG.GET." + stream, Data: u.asked})
	if err != nil {
		return nil, err
	}
	_, rest, found := bytes.Cut(answer, []byte(`"data":"`))
	if !found {
		if bytes.Contains(answer, []byte(`"code":404`)) {
			return nil, system.ErrMissing
		}
		return nil, fmt.Errorf("NATS answers %.300s", answer)
	}
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	u.value, err = base64.StdEncoding.AppendDecode(u.value[:0], text)
	return u.value, err
}

// Increment implements system.User: a counter of JetStream (ADR-49), which is no
// key of the bucket.
func (u *user) Increment(ctx context.Context, key string) error {
	m := &nats.Msg{Subject: counterSubject + key, Header: nats.Header{"Nats-Incr": {"+1"}}}
	answer, err := u.ask(ctx, m)
	if err != nil {
		return err
	}
	u.counter = key
	return acknowledged(answer)
}

func (u *user) count(ctx context.Context, key string) ([]byte, error) {
	text, err := u.last(ctx, counters, counterSubject+key)
	if err != nil {
		return nil, err
	}
	var counted struct {
		Val string `json:"val"`
	}
	if err := json.Unmarshal(text, &counted); err != nil {
		return nil, fmt.Errorf("NATS's counter is %.100q: %w", text, err)
	}
	return []byte(counted.Val), nil
}

var batches atomic.Uint64

// PutAll implements system.User: an atomic batch (ADR-50), of which only the last
// message is answered.
func (u *user) PutAll(ctx context.Context, keys []string, values [][]byte) error {
	id := strconv.FormatUint(batches.Add(1), 36)
	for i, key := range keys {
		m := &nats.Msg{Subject: subjects + key, Data: values[i], Header: nats.Header{"Nats-Batch-Id": {id}, "Nats-Batch-Sequence": {strconv.Itoa(i + 1)}}}
		if i < len(keys)-1 {
			if err := u.conn.PublishMsg(m); err != nil {
				return err
			}
			continue
		}
		m.Header["Nats-Batch-Commit"] = []string{"1"}
		answer, err := u.ask(ctx, m)
		if err != nil {
			return err
		}
		return acknowledged(answer)
	}
	return nil
}
