package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"paxos/bench/peers/members"
	"paxos/bench/system"
)

// Package is the program that Options.Program is built from.
const Package = "github.com/nats-io/nats-server/v2"

// Options are what differs from one run to another.
type Options struct {
	// Name is what the system is called, "nats" if it is "".
	Name string
	// Environment is for the members, besides the bench's own.
	Environment []string
	// Program is the server's executable.
	Program string
	// Connections is how many all users share; 8 if it is 0.
	Connections int
}

const (
	size               = 3
	defaultConnections = 8

	bucket   = "bench"
	stream   = "KV_" + bucket // NATS calls a bucket's stream so (ADR-8)
	subjects = "$KV." + bucket + "."

	counters       = "counters"
	counterSubject = "counter."
)

// settings is a member's configuration. What differs from NATS's defaults:
// sync_interval is always, where it would be two minutes; the limits of batches
// are above what 512 users can have in flight.
const settings = `
server_name: %s
listen: %q
jetstream {
  store_dir: %q
  sync_interval: always
  max_file_store: 16GB
  limits { batch { max_inflight_per_stream: 2000, max_inflight_total: 2000 } }
}
cluster {
  name: bench
  listen: %q
  routes: [%s]
}
`

// Cluster is a system.System.
type Cluster struct {
	options Options
	group   members.Group
	clients []string // URLs of the members, by their number
	leader  int      // of the bucket, when all was ready
}

// New makes a cluster that is not started.
func New(o Options) *Cluster {
	if o.Connections == 0 {
		o.Connections = defaultConnections
	}
	return &Cluster{options: o}
}

// Name implements system.System.
func (c *Cluster) Name() string { return cmp.Or(c.options.Name, "nats") }

// Processes implements system.System.
func (c *Cluster) Processes() []int { return c.group.Processes() }

// Stop implements system.System.
func (c *Cluster) Stop() error { return c.group.Stop() }

func name(member int) string { return "nats" + strconv.Itoa(member+1) }

// Start implements system.System.
func (c *Cluster) Start(ctx context.Context, dir string) error {
	ports, err := members.Ports(2 * size)
	if err != nil {
		return err
	}
	c.clients = nil
	var routes []string
	for i := range size {
		c.clients = append(c.clients, "nats://"+local(ports[i]))
		routes = append(routes, strconv.Quote("nats://"+local(ports[size+i])))
	}
	var programs []members.Program
	for i := range size {
		file := filepath.Join(dir, name(i)+".conf")
		text := fmt.Sprintf(settings, name(i), local(ports[i]), filepath.Join(dir, name(i)), local(ports[size+i]), strings.Join(routes, ", "))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		programs = append(programs, members.Program{Name: name(i), Path: c.options.Program, Environment: c.options.Environment, Args: []string{"-c", file}})
	}
	if err := c.group.Start(dir, programs...); err != nil {
		return errors.Join(err, c.Stop())
	}
	if err := c.group.Until(ctx, "a write to NATS", c.first); err != nil {
		return errors.Join(err, c.Stop())
	}
	return nil
}

func local(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// first makes the bucket, writes a key, and then looks who leads the bucket.
func (c *Cluster) first(ctx context.Context) error {
	conn, err := c.dial(0)
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	if err := c.makeBucket(ctx, js); err != nil {
		return err
	}
	_, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: counters, Subjects: []string{counterSubject + ">"}, Replicas: size,
		Storage: jetstream.FileStorage, AllowMsgCounter: true, AllowDirect: true, MaxMsgsPerSubject: 1})
	if err != nil {
		return err
	}
	if err := (&user{conn: conn}).Put(ctx, "first", []byte("first")); err != nil {
		return err
	}
	c.leader, err = c.leads(ctx, js)
	return err
}

// makeBucket makes the bucket as NATS does, and then lets its stream take atomic
// batches, which is off by default.
func (c *Cluster) makeBucket(ctx context.Context, js jetstream.JetStream) error {
	_, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: bucket, Replicas: size, Storage: jetstream.FileStorage, History: 1})
	if err != nil {
		return err
	}
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return err
	}
	config := s.CachedInfo().Config
	config.AllowAtomicPublish = true
	_, err = js.UpdateStream(ctx, config)
	return err
}

// leads asks the servers who leads the bucket; all of its replicas must be
// current, so that no load begins with catching up.
func (c *Cluster) leads(ctx context.Context, js jetstream.JetStream) (int, error) {
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return 0, err
	}
	cluster := s.CachedInfo().Cluster
	if cluster == nil {
		return 0, errors.New("NATS does not say who leads the bucket")
	}
	for i := range c.clients {
		if name(i) == cluster.Leader {
			return i, nil
		}
	}
	return 0, fmt.Errorf("the bucket's leader is %q", cluster.Leader)
}

// dial connects to the given member, or to another one if it is gone.
func (c *Cluster) dial(member int) (*nats.Conn, error) {
	servers := strings.Join(members.From(c.clients, member), ",")
	return nats.Connect(servers, nats.DontRandomize(), nats.IgnoreDiscoveredServers(), nats.Timeout(2*time.Second),
		nats.ReconnectWait(50*time.Millisecond), nats.MaxReconnects(-1))
}

// LoseLeader implements system.System.
func (c *Cluster) LoseLeader(ctx context.Context, silently bool) (int, error) {
	conn, err := c.dial(0)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return 0, err
	}
	leader, err := c.leads(ctx, js)
	if err != nil {
		return 0, err
	}
	return c.group.Lose(name(leader), silently)
}

// Way implements system.System.
func (c *Cluster) Way(protocol string) (system.Way, error) {
	if protocol != "native" {
		return nil, fmt.Errorf("NATS has no way %q: %w", protocol, system.ErrNot)
	}
	w := &way{}
	for range c.options.Connections {
		conn, err := c.dial(c.leader)
		if err != nil {
			return nil, errors.Join(err, w.Close())
		}
		w.conns = append(w.conns, conn)
	}
	return w, nil
}

// way is NATS's own client: some connections to the bucket's leader, shared by
// all users.
type way struct{ conns []*nats.Conn }

// Close implements system.Way.
func (w *way) Close() error {
	for _, c := range w.conns {
		c.Close()
	}
	return nil
}

// User implements system.Way.
func (w *way) User(n int) (system.User, error) { return &user{conn: w.conns[n%len(w.conns)]}, nil }

// Watch implements system.Watcher.
func (w *way) Watch(ctx context.Context, key string, ready func(), told func([]byte)) error {
	js, err := jetstream.New(w.conns[0])
	if err != nil {
		return err
	}
	kv, err := js.KeyValue(ctx, bucket)
	if err != nil {
		return err
	}
	watcher, err := kv.Watch(ctx, key, jetstream.UpdatesOnly())
	if err != nil {
		return err
	}
	defer func() { _ = watcher.Stop() }() // it ends with its connection at the latest
	ready()
	for {
		select {
		case entry, more := <-watcher.Updates():
			if !more {
				return errors.Join(ctx.Err(), errors.New("NATS ended a watch"))
			}
			if entry != nil {
				told(slices.Clone(entry.Value()))
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
