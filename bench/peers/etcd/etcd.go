package etcd

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"paxos/bench/peers/members"
	"paxos/bench/system"
)

// Package is the program that Options.Program is built from.
const Package = "go.etcd.io/etcd/server/v3"

// Options are what differs from one run to another.
type Options struct {
	// Name is what the system is called, "etcd" if it is "".
	Name string
	// Environment is for the members, besides the bench's own.
	Environment []string
	// Program is the server's executable.
	Program string
	// Heartbeat and Election are etcd's defaults (100 ms, 1 s) if they are 0.
	Heartbeat, Election time.Duration
	// Connections is how many gRPC connections all users share; 32 if it is 0.
	Connections int
}

// Short heartbeats, for a network without delay: etcd asks for ten heartbeats in
// an election timeout (etcd.io/docs, "Tuning").
const (
	ShortHeartbeat = 50 * time.Millisecond
	ShortElection  = 500 * time.Millisecond
)

const (
	size               = 3
	defaultConnections = 32
)

// Cluster is a system.System.
type Cluster struct {
	options Options
	group   members.Group
	grpc    []string // host:port of each member, by its number
	http    []string
	leader  int // who led when all was ready
}

// New makes a cluster that is not started.
func New(o Options) *Cluster {
	if o.Connections == 0 {
		o.Connections = defaultConnections
	}
	return &Cluster{options: o}
}

// Name implements system.System.
func (c *Cluster) Name() string { return cmp.Or(c.options.Name, "etcd") }

// Processes implements system.System.
func (c *Cluster) Processes() []int { return c.group.Processes() }

// Stop implements system.System.
func (c *Cluster) Stop() error { return c.group.Stop() }

// Start implements system.System.
func (c *Cluster) Start(ctx context.Context, dir string) error {
	ports, err := members.Ports(3 * size)
	if err != nil {
		return err
	}
	c.grpc, c.http = nil, nil
	var peers, initial []string
	for i := range size {
		c.grpc = append(c.grpc, local(ports[3*i]))
		c.http = append(c.http, local(ports[3*i+1]))
		peers = append(peers, "http://"+local(ports[3*i+2]))
		initial = append(initial, name(i)+"="+peers[i])
	}
	var programs []members.Program
	for i := range size {
		programs = append(programs, members.Program{Name: name(i), Path: c.options.Program, Environment: c.options.Environment, Args: append([]string{
			"--name", name(i), "--data-dir", filepath.Join(dir, name(i)),
			"--listen-client-urls", "http://" + c.grpc[i], "--advertise-client-urls", "http://" + c.grpc[i],
			"--listen-client-http-urls", "http://" + c.http[i],
			"--listen-peer-urls", peers[i], "--initial-advertise-peer-urls", peers[i],
			"--initial-cluster", strings.Join(initial, ","),
		}, c.settings()...)})
	}
	if err := c.group.Start(dir, programs...); err != nil {
		return errors.Join(err, c.Stop())
	}
	if err := c.group.Until(ctx, "a write to etcd", c.first); err != nil {
		return errors.Join(err, c.Stop())
	}
	return nil
}

// settings are the flags that differ from etcd's defaults. Besides, gRPC and
// REST have a port each, which spares both the sorting out (etcd's
// --listen-client-http-urls).
func (c *Cluster) settings() []string {
	flags := []string{
		// A line for each slow request is written under load: it costs the server.
		"--log-level", "error",
		// No cell may end in an alarm for space; the default is 2 GiB.
		"--quota-backend-bytes", strconv.Itoa(8 << 30),
	}
	if c.options.Heartbeat > 0 {
		flags = append(flags, "--heartbeat-interval", strconv.FormatInt(c.options.Heartbeat.Milliseconds(), 10))
	}
	if c.options.Election > 0 {
		flags = append(flags, "--election-timeout", strconv.FormatInt(c.options.Election.Milliseconds(), 10))
	}
	return flags
}

func local(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

func name(member int) string { return "etcd" + strconv.Itoa(member+1) }

// first writes a key, and then looks who leads.
func (c *Cluster) first(ctx context.Context) error {
	client, err := dial(c.grpc...)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	if _, err := client.Put(ctx, "first", "first"); err != nil {
		return err
	}
	c.leader, err = c.leads(ctx, client)
	return err
}

func (c *Cluster) leads(ctx context.Context, client *clientv3.Client) (int, error) {
	var errs []error
	for i, endpoint := range c.grpc {
		one, cancel := context.WithTimeout(ctx, time.Second)
		status, err := client.Status(one, endpoint)
		cancel()
		if err == nil && status.Leader == status.Header.MemberId {
			return i, nil
		}
		errs = append(errs, err)
	}
	return 0, fmt.Errorf("no member of etcd says that it leads: %w", errors.Join(errs...))
}

func dial(endpoints ...string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
}

// LoseLeader implements system.System.
func (c *Cluster) LoseLeader(ctx context.Context, silently bool) (int, error) {
	client, err := dial(c.grpc...)
	if err != nil {
		return 0, err
	}
	defer func() { _ = client.Close() }()
	leader, err := c.leads(ctx, client)
	if err != nil {
		return 0, err
	}
	return c.group.Lose(name(leader), silently)
}

// Way implements system.System.
func (c *Cluster) Way(protocol string) (system.Way, error) {
	switch protocol {
	case "grpc":
		return c.leaderFirst()
	case "grpc-all":
		return c.newCalls([][]string{c.grpc})
	case "http":
		return &rest{addresses: members.From(c.http, c.leader)}, nil
	}
	return nil, fmt.Errorf("etcd has no way %q: %w", protocol, system.ErrNot)
}

// Counters implements system.Counting: the journal's syncs and the store's.
func (c *Cluster) Counters(ctx context.Context) (system.Counters, error) {
	var counters system.Counters
	for _, address := range c.http {
		n, err := syncs(ctx, address)
		if err != nil {
			return counters, err
		}
		counters.Syncs += n
	}
	return counters, nil
}

// counted are the metrics of etcd that count syncs, with how many each stands
// for: a commit of bbolt syncs its pages first and then where they begin.
var counted = map[string]int64{"etcd_disk_wal_fsync_duration_seconds_count ": 1, "etcd_disk_backend_commit_duration_seconds_count ": 2}

func syncs(ctx context.Context, address string) (int64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	var sum int64
	var found int
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		for name, each := range counted {
			if value, ok := strings.CutPrefix(lines.Text(), name); ok {
				n, err := strconv.ParseFloat(value, 64)
				if err != nil {
					return 0, err
				}
				sum += each * int64(n)
				found++
			}
		}
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	if found != len(counted) {
		return 0, fmt.Errorf("etcd's metrics have %d of %v", found, counted)
	}
	return sum, nil
}
