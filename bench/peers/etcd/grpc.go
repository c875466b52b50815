package etcd

import (
	"context"
	"errors"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"

	"paxos/bench/peers/members"
	"paxos/bench/system"
)

// calls is the way over gRPC: etcd's own client, some connections to the leader,
// shared by all users. After an error a user goes to the next member.
type calls struct {
	clients [][]*clientv3.Client // of each group of members, the leader's first
}

// leaderFirst is the way for throughput: no member passes writes on.
func (c *Cluster) leaderFirst() (*calls, error) {
	var groups [][]string
	for _, member := range members.From(c.grpc, c.leader) {
		groups = append(groups, []string{member})
	}
	return c.newCalls(groups)
}

// newCalls makes connections to each group of members; those of one group are
// equal, and etcd's client leaves out the dead ones by itself.
func (c *Cluster) newCalls(groups [][]string) (*calls, error) {
	w := &calls{}
	for _, group := range groups {
		var shared []*clientv3.Client
		for range c.options.Connections {
			client, err := dial(group...) // connects when it is first asked
			if err != nil {
				return nil, errors.Join(err, w.Close())
			}
			shared = append(shared, client)
		}
		w.clients = append(w.clients, shared)
	}
	return w, nil
}

// Close implements system.Way.
func (w *calls) Close() error {
	var errs []error
	for _, shared := range w.clients {
		for _, client := range shared {
			errs = append(errs, client.Close())
		}
	}
	return errors.Join(errs...)
}

// User implements system.Way.
func (w *calls) User(n int) (system.User, error) { return &caller{way: w, number: n}, nil }

// Watch implements system.Watcher.
func (w *calls) Watch(ctx context.Context, key string, ready func(), told func([]byte)) error {
	events := w.clients[0][0].Watch(clientv3.WithRequireLeader(ctx), key, clientv3.WithCreatedNotify())
	for e := range events {
		if err := e.Err(); err != nil {
			return err
		}
		if e.Created {
			ready()
		}
		for _, event := range e.Events {
			told(event.Kv.Value)
		}
	}
	return ctx.Err()
}

// caller is a user over gRPC.
type caller struct {
	way     *calls
	number  int
	member  int
	counter string // a key that this user has incremented
}

func (u *caller) client() *clientv3.Client {
	shared := u.way.clients[u.member]
	return shared[u.number%len(shared)]
}

// judge takes the user elsewhere after an error.
func (u *caller) judge(err error) error {
	if err != nil {
		u.member = (u.member + 1) % len(u.way.clients)
	}
	return err
}

// Put implements system.User.
func (u *caller) Put(ctx context.Context, key string, value []byte) error {
	_, err := u.client().Put(ctx, key, string(value))
	return u.judge(err)
}

// Get implements system.User.
func (u *caller) Get(ctx context.Context, key string, stale bool) ([]byte, error) {
	var how []clientv3.OpOption
	if stale {
		how = append(how, clientv3.WithSerializable())
	}
	answer, err := u.client().Get(ctx, key, how...)
	if err != nil {
		return nil, u.judge(err)
	}
	if len(answer.Kvs) == 0 {
		return nil, system.ErrMissing
	}
	if key == u.counter {
		return strconv.AppendInt(nil, answer.Kvs[0].Version, 10), nil
	}
	return answer.Kvs[0].Value, nil
}

// Increment implements system.User. etcd has no increments, but it counts how
// often a key was written: its version. A loop of compare and swap, which is what
// a number in the value takes, does 60 a second with 64 users here.
func (u *caller) Increment(ctx context.Context, key string) error {
	u.counter = key
	_, err := u.client().Put(ctx, key, "")
	return u.judge(err)
}

// PutAll implements system.User: a transaction.
func (u *caller) PutAll(ctx context.Context, keys []string, values [][]byte) error {
	puts := make([]clientv3.Op, len(keys))
	for i, key := range keys {
		puts[i] = clientv3.OpPut(key, string(values[i]))
	}
	_, err := u.client().Txn(ctx).Then(puts...).Commit()
	return u.judge(err)
}
