package rqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"paxos/bench/peers/members"
	"paxos/bench/system"
	"paxos/bench/wire"
)

// Package is the program that Options.Program is built from.
const Package = "github.com/rqlite/rqlite/v8/cmd/rqlited"

// Options are what differs from one run to another.
type Options struct {
	// Name is what the system is called, "rqlite" if it is "".
	Name string
	// Environment is for the members, besides the bench's own.
	Environment []string
	// Program is the server's executable.
	Program string
}

const size = 3

// settings are rqlite's defaults but for how long members wait before they look
// for each other again, which is 3 s, and makes the start longer and nothing
// faster. Writes are not queued: a queued one is answered before it is durable.
var settings = []string{"-bootstrap-expect", strconv.Itoa(size), "-join-interval", "200ms", "-join-attempts", "50"}

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
func (c *Cluster) Name() string { return cmp.Or(c.options.Name, "rqlite") }

// Processes implements system.System.
func (c *Cluster) Processes() []int { return c.group.Processes() }

// Stop implements system.System.
func (c *Cluster) Stop() error { return c.group.Stop() }

func name(member int) string { return "rqlite" + strconv.Itoa(member+1) }

func local(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// Start implements system.System.
func (c *Cluster) Start(ctx context.Context, dir string) error {
	ports, err := members.Ports(2 * size)
	if err != nil {
		return err
	}
	c.http = nil
	var rafts []string
	for i := range size {
		c.http = append(c.http, local(ports[i]))
		rafts = append(rafts, local(ports[size+i]))
	}
	var programs []members.Program
	for i := range size {
		args := append([]string{"-node-id", name(i), "-http-addr", c.http[i], "-raft-addr", rafts[i], "-join", strings.Join(rafts, ",")}, settings...)
		programs = append(programs, members.Program{Name: name(i), Path: c.options.Program, Environment: c.options.Environment, Args: append(args, filepath.Join(dir, name(i)))})
	}
	if err := c.group.Start(dir, programs...); err != nil {
		return errors.Join(err, c.Stop())
	}
	if err := c.group.Until(ctx, "a write to rqlite", c.first); err != nil {
		return errors.Join(err, c.Stop())
	}
	return nil
}

// first makes the table and writes a key, when all members are there.
func (c *Cluster) first(ctx context.Context) error {
	leader, found, err := c.look(ctx)
	if err != nil {
		return err
	}
	if found != size {
		return fmt.Errorf("rqlite has %d of %d members", found, size)
	}
	c.leader = leader
	var way way
	defer func() { _ = way.Close() }()
	u := &user{asker: way.Add(c.http[leader])}
	u.body = append(u.body[:0], `["CREATE TABLE IF NOT EXISTS kv (k TEXT PRIMARY KEY, v TEXT NOT NULL)"]`...)
	if _, err := u.post(ctx, "/db/execute"); err != nil {
		return err
	}
	return u.Put(ctx, "first", []byte("first"))
}

// look asks the members who leads, and how many can be reached.
func (c *Cluster) look(ctx context.Context) (leader, found int, err error) {
	var errs []error
	for _, address := range c.http {
		conn := wire.New(address)
		answer, err := conn.Do(ctx, "GET", "/nodes", "", nil)
		_ = conn.Close()
		if err == nil {
			err = answer.Err()
		}
		nodes := map[string]struct{ Reachable, Leader bool }{}
		if err == nil {
			err = json.Unmarshal(answer.Body, &nodes)
		}
		leader, found = -1, 0
		for i := range size {
			switch node := nodes[name(i)]; {
			case !node.Reachable:
				continue
			case node.Leader:
				leader = i
			}
			found++
		}
		if err == nil && leader >= 0 {
			return leader, found, nil
		}
		errs = append(errs, err)
	}
	return 0, 0, fmt.Errorf("no member of rqlite knows a leader: %w", errors.Join(errs...))
}

// LoseLeader implements system.System.
func (c *Cluster) LoseLeader(ctx context.Context, silently bool) (int, error) {
	leader, _, err := c.look(ctx)
	if err != nil {
		return 0, err
	}
	return c.group.Lose(name(leader), silently)
}

// Way implements system.System.
func (c *Cluster) Way(protocol string) (system.Way, error) {
	if protocol != "http" {
		return nil, fmt.Errorf("rqlite has no way %q: %w", protocol, system.ErrNot)
	}
	return &way{addresses: members.From(c.http, c.leader)}, nil
}
