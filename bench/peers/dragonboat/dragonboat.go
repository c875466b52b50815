package dragonboat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"paxos/bench/peers/dragonboat/command"
	"paxos/bench/peers/members"
	"paxos/bench/system"
	"paxos/bench/wire"
)

// Package is the program that Options.Program is built from.
const Package = "paxos/bench/peers/dragonboat/member"

// ShortTick is one heartbeat in a network without delay.
const ShortTick = 50 * time.Millisecond

// Options are what differs from one run to another.
type Options struct {
	// Name is what the system is called, "dragonboat" if it is "".
	Name string
	// Environment is for the members, besides the bench's own.
	Environment []string
	// Program is the member's executable.
	Program string
	// Tick is a heartbeat, and a tenth of the least time to an election. It is what
	// dragonboat's own examples have, 200 ms, if it is 0.
	Tick time.Duration
}

const size = 3

// Cluster is a system.System.
type Cluster struct {
	options Options
	group   members.Group
	http    []string // host:port of each member, by its number
	leader  int      // who led when all was ready
}

// New makes a cluster that is not started.
func New(o Options) *Cluster { return &Cluster{options: o} }

// Name implements system.System.
func (c *Cluster) Name() string { return cmp.Or(c.options.Name, "dragonboat") }

// Processes implements system.System.
func (c *Cluster) Processes() []int { return c.group.Processes() }

// Stop implements system.System.
func (c *Cluster) Stop() error { return c.group.Stop() }

func name(member int) string { return "dragonboat" + strconv.Itoa(member+1) }

// Start implements system.System.
func (c *Cluster) Start(ctx context.Context, dir string) error {
	ports, err := members.Ports(2 * size)
	if err != nil {
		return err
	}
	c.http = nil
	var rafts []string
	for i := range size {
		c.http = append(c.http, "127.0.0.1:"+strconv.Itoa(ports[i]))
		rafts = append(rafts, "127.0.0.1:"+strconv.Itoa(ports[size+i]))
	}
	var programs []members.Program
	for i := range size {
		args := []string{"-id", strconv.Itoa(i + 1), "-data", filepath.Join(dir, name(i)), "-http", c.http[i], "-members", strings.Join(rafts, ",")}
		if c.options.Tick > 0 {
			args = append(args, "-tick", c.options.Tick.String())
		}
		programs = append(programs, members.Program{Name: name(i), Path: c.options.Program, Environment: c.options.Environment, Args: args})
	}
	if err := c.group.Start(dir, programs...); err != nil {
		return errors.Join(err, c.Stop())
	}
	if err := c.group.Until(ctx, "a write to dragonboat", c.first); err != nil {
		return errors.Join(err, c.Stop())
	}
	return nil
}

func (c *Cluster) first(ctx context.Context) error {
	leader, err := c.leads(ctx)
	if err != nil {
		return err
	}
	c.leader = leader
	var way way
	defer func() { _ = way.Close() }()
	return (&user{asker: way.Add(c.http[leader])}).Put(ctx, "first", []byte("first"))
}

// leads asks all members whether they lead.
func (c *Cluster) leads(ctx context.Context) (int, error) {
	var errs []error
	for i, address := range c.http {
		conn := wire.New(address)
		answer, err := conn.Do(ctx, "GET", "/leads", "", nil)
		_ = conn.Close()
		if err == nil {
			err = answer.Err()
		}
		if err == nil {
			return i, nil
		}
		errs = append(errs, err)
	}
	return 0, fmt.Errorf("no member of dragonboat says that it leads: %w", errors.Join(errs...))
}

// LoseLeader implements system.System.
func (c *Cluster) LoseLeader(ctx context.Context, silently bool) (int, error) {
	leader, err := c.leads(ctx)
	if err != nil {
		return 0, err
	}
	return c.group.Lose(name(leader), silently)
}

// Way implements system.System.
func (c *Cluster) Way(protocol string) (system.Way, error) {
	if protocol != "http" {
		return nil, fmt.Errorf("dragonboat has no way %q: %w", protocol, system.ErrNot)
	}
	return &way{addresses: members.From(c.http, c.leader)}, nil
}

// way is over HTTP: a connection for each user, to the leader first.
type way struct {
	members.Askers
	addresses []string
}

// User implements system.Way.
func (w *way) User(int) (system.User, error) { return &user{asker: w.Add(w.addresses...)}, nil }

type user struct {
	asker *members.Asker
	body  []byte
}

func (u *user) do(ctx context.Context, method, target string, body []byte) ([]byte, error) {
	answer, err := u.asker.Do(ctx, method, target, "", body)
	switch {
	case err != nil:
		return nil, err
	case answer.Status == 404:
		return nil, system.ErrMissing
	}
	return answer.Body, nil
}

// Put implements system.User.
func (u *user) Put(ctx context.Context, key string, value []byte) error {
	_, err := u.do(ctx, "PUT", "/kv/"+key, value)
	return err
}

// Get implements system.User.
func (u *user) Get(ctx context.Context, key string, stale bool) ([]byte, error) {
	if stale {
		return u.do(ctx, "GET", "/kv/"+key+"?stale=1", nil)
	}
	return u.do(ctx, "GET", "/kv/"+key, nil)
}

// Increment implements system.User.
func (u *user) Increment(ctx context.Context, key string) error {
	_, err := u.do(ctx, "POST", "/increment/"+key, nil)
	return err
}

// PutAll implements system.User: one entry of the log.
func (u *user) PutAll(ctx context.Context, keys []string, values [][]byte) error {
	u.body = append(u.body[:0], command.Put)
	for i, key := range keys {
		u.body = command.Append(command.Append(u.body, key), values[i])
	}
	_, err := u.do(ctx, "POST", "/batch", u.body)
	return err
}
