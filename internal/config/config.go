// Package config turns flags and PAXOS_… environment variables into validated
// settings of a node. A flag wins over the environment, the environment over
// the default; a wrong value is one sentence that says what is allowed.
//
// It starts nothing: internal/service does, with what it finds here.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"paxos/paxos"
)

// Settings of one node. Each field is a flag; see Flags for units and defaults.
type Settings struct {
	Role paxos.RoleName
	ID   paxos.NodeID

	Listen          string
	Advertise       string
	GossipListen    string
	GossipAdvertise string
	Join            []string
	Name            string
	GossipKeyFile   string
	Local           bool

	Acceptors []string
	Learners  []string
	Peers     []string

	Data        string
	LockWait    time.Duration
	AllowUnsafe bool

	// Of acceptors.
	SegmentBytes     int64
	TruncateLearners int
	DiskLimit        int64

	// Of learners.
	SnapshotBytes    int
	SnapshotSlots    uint64
	HistoryRevisions uint64
	HistoryBytes     int

	Tick           time.Duration
	Election       time.Duration
	Heartbeat      time.Duration
	Window         int
	MaxValueBytes  int
	MaxKeyBytes    int
	MaxOperations  int
	RequestTimeout time.Duration
	MaxConnections int

	LogLevel  string
	LogFormat string
	Pprof     bool
}

// MaxValueLimit bounds MaxValueBytes: a value must fit into a message.
const MaxValueLimit = 4 << 20

// Flags declares the flags of a node of this role on set, with their defaults.
func Flags(set *pflag.FlagSet, role paxos.RoleName) *Settings {
	s := &Settings{Role: role}
	ports := map[paxos.RoleName]string{paxos.ProposerRole: "3001", paxos.AcceptorRole: "4001", paxos.LearnerRole: "5001", paxos.ClientRole: "6001"}
	set.StringVar((*string)(&s.ID), "id", string(role)+"1", "this node's id; it keeps it for ever")
	set.StringVar(&s.Listen, "listen", "127.0.0.1:"+ports[role], "host:port for HTTP")
	set.StringVar(&s.Advertise, "advertise", "", "host:port told to other nodes for HTTP (default: --listen)")
	set.StringVar(&s.GossipListen, "gossip-listen", "", "host:port for gossip, TCP and UDP (default: --listen with port + 10000)")
	set.StringVar(&s.GossipAdvertise, "gossip-advertise", "", "host:port told to other nodes for gossip (default: --gossip-listen)")
	set.StringSliceVar(&s.Join, "join", nil, "host:port or DNS names of gossip to join, comma separated; looked up again every 10 s")
	set.StringVar(&s.Name, "cluster-name", "paxos", "gossip of another name is ignored")
	set.StringVar(&s.GossipKeyFile, "gossip-key-file", "", "file with the base64 AES key that encrypts gossip (16, 24 or 32 bytes)")
	set.BoolVar(&s.Local, "local", false, "all nodes run on this machine: notice failures sooner")
	set.StringSliceVar(&s.Acceptors, "acceptors", []string{"acceptor1", "acceptor2", "acceptor3"}, "ids of all acceptors: who votes")
	set.StringSliceVar(&s.Learners, "learners", []string{"learner1", "learner2"}, "ids of all learners")
	set.StringSliceVar(&s.Peers, "peers", nil, "fixed HTTP addresses, id=host:port; discovery finds the others")
	s.diskFlags(set)
	set.DurationVar(&s.Tick, "tick", 10*time.Millisecond, "the unit in which all waiting is counted; the same on all nodes")
	set.DurationVar(&s.Election, "election-timeout", 400*time.Millisecond, "silence after which a leader is given up")
	set.DurationVar(&s.Heartbeat, "heartbeat", 50*time.Millisecond, "between two heartbeats of the leader")
	set.IntVar(&s.Window, "window", 4, "slots that may be unchosen at once (1 to 1024); a slot carries many commands")
	set.IntVar(&s.MaxValueBytes, "max-value-bytes", 1<<20, "largest value in bytes, up to 4 MiB; the same on all nodes")
	set.IntVar(&s.MaxKeyBytes, "max-key-bytes", 4096, "largest key in bytes (64 to 65536); the same on all nodes")
	set.IntVar(&s.MaxOperations, "max-operations", 1024, "operations in one transaction (1 to 16384); the same on all nodes")
	set.DurationVar(&s.RequestTimeout, "request-timeout", 1500*time.Millisecond, "how long a request waits unless it says so itself (?timeout=)")
	set.IntVar(&s.MaxConnections, "max-connections", 20000, "open HTTP connections; further ones wait to be accepted")
	set.StringVar(&s.LogLevel, "log-level", "info", "debug, info, warn or error")
	set.StringVar(&s.LogFormat, "log-format", "auto", "text, json, or auto: text on a terminal")
	set.BoolVar(&s.Pprof, "pprof", false, "answer GET /debug/pprof/ too: profiles of this process, which cost it time, for anybody who reaches its port")
	set.SortFlags = false
	return s
}

// diskFlags declares what concerns the disk, for the roles that have one.
func (s *Settings) diskFlags(set *pflag.FlagSet) {
	if !s.HasDisk() {
		return
	}
	set.StringVar(&s.Data, "data", "", fmt.Sprintf("data directory of this %s, on a real disk (required)", s.Role))
	set.DurationVar(&s.LockWait, "lock-wait", 0, "how long to wait, up to 10m, for another process to let go of the data directory; 0: end at once")
	set.BoolVar(&s.AllowUnsafe, "allow-unsafe-filesystem", false, "accept a data directory on tmpfs or overlayfs, which forget")
	if s.Role == paxos.AcceptorRole {
		set.Int64Var(&s.SegmentBytes, "segment-bytes", 16<<20, "size of a journal segment in bytes, a multiple of 512")
		set.IntVar(&s.TruncateLearners, "truncate-learners", 2, "learners that must have a snapshot before the log below it is truncated, or all if they are fewer; 0: never")
		set.Int64Var(&s.DiskLimit, "disk-limit-bytes", 4<<30, "size in bytes that the journal may have, and the memory that it takes; at 90 % of it, or of the file system, only deletes are taken")
		return
	}
	set.IntVar(&s.SnapshotBytes, "snapshot-bytes", 64<<20, "bytes of log between two snapshots, or a fourth of the state if that is more, up to 4 times this; the same on all learners")
	set.Uint64Var(&s.SnapshotSlots, "snapshot-slots", 100000, "slots between two snapshots at most; the same on all learners")
	set.Uint64Var(&s.HistoryRevisions, "history-revisions", 200000, "revisions of the past that stay readable, until older ones are compacted; 0: all")
	set.IntVar(&s.HistoryBytes, "history-bytes", 256<<20, "bytes of the past that stay readable, until older ones are compacted; 0: all")
}

// HasDisk reports whether a node of this role keeps something.
func (s *Settings) HasDisk() bool {
	return s.Role == paxos.AcceptorRole || s.Role == paxos.LearnerRole
}

// EnvName is the environment variable that stands in for a flag.
func EnvName(flag string) string {
	return "PAXOS_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// FromEnvironment sets every flag that was not given from its variable.
func FromEnvironment(set *pflag.FlagSet) error {
	var first error
	set.VisitAll(func(f *pflag.Flag) {
		value, ok := os.LookupEnv(EnvName(f.Name))
		// PAXOS_VERSION, say, may be there for reasons of its own.
		if !ok || f.Changed || first != nil || f.Name == "help" || f.Name == "version" {
			return
		}
		if err := set.Set(f.Name, value); err != nil {
			first = fmt.Errorf("%s=%q: %w", EnvName(f.Name), value, cmp.Or(errors.Unwrap(err), err))
		}
	})
	return first
}

// Check completes the settings that follow from others and says what is wrong.
func (s *Settings) Check() error {
	if err := paxos.CheckNodeID(s.ID); err != nil {
		return fmt.Errorf("--id: %w", err)
	}
	if err := s.addresses(); err != nil {
		return err
	}
	c := s.Configuration()
	if err := c.Check(); err != nil {
		return fmt.Errorf("--acceptors and --learners: %w", err)
	}
	if err := s.place(c); err != nil {
		return err
	}
	if s.HasDisk() && s.Data == "" {
		return fmt.Errorf("--data is required: the directory where this %s remembers", s.Role)
	}
	if _, err := s.Addresses(); err != nil {
		return err
	}
	if err := s.ranges(); err != nil {
		return err
	}
	return s.diskRanges()
}

// place checks that the id stands where the role says, and nowhere else: ids
// alone tell voters and learners from other nodes.
func (s *Settings) place(c paxos.Configuration) error {
	votes, learns := c.IsAcceptor(s.ID), slices.Contains(c.Learners, s.ID)
	switch {
	case strings.HasPrefix(string(s.ID), paxos.LocalPrefix):
		return fmt.Errorf("--id: %s begins with %s, which is kept for those who ask over HTTP", s.ID, paxos.LocalPrefix)
	case s.Role == paxos.AcceptorRole && !votes:
		return fmt.Errorf("--id: %s is not among --acceptors %s", s.ID, strings.Join(s.Acceptors, ","))
	case s.Role == paxos.LearnerRole && !learns:
		return fmt.Errorf("--id: %s is not among --learners %s", s.ID, strings.Join(s.Learners, ","))
	case s.Role != paxos.AcceptorRole && votes:
		return fmt.Errorf("--id: %s is among --acceptors, and this is a %s", s.ID, s.Role)
	case s.Role != paxos.LearnerRole && learns:
		return fmt.Errorf("--id: %s is among --learners, and this is a %s", s.ID, s.Role)
	}
	return nil
}

func (s *Settings) ranges() error {
	switch {
	case s.Tick < time.Millisecond || s.Tick > time.Second:
		return fmt.Errorf("--tick: %v is not between 1ms and 1s", s.Tick)
	case s.Heartbeat < s.Tick:
		return fmt.Errorf("--heartbeat: %v is shorter than --tick %v", s.Heartbeat, s.Tick)
	case s.Election < 4*s.Heartbeat:
		return fmt.Errorf("--election-timeout: %v is shorter than four heartbeats of %v", s.Election, s.Heartbeat)
	case s.Window < 1 || s.Window > 1024:
		return fmt.Errorf("--window: %d is not between 1 and 1024", s.Window)
	case s.MaxValueBytes < 1 || s.MaxValueBytes > MaxValueLimit:
		return fmt.Errorf("--max-value-bytes: %d is not between 1 and %d", s.MaxValueBytes, MaxValueLimit)
	case s.RequestTimeout < 10*time.Millisecond || s.RequestTimeout > time.Hour:
		return fmt.Errorf("--request-timeout: %v is not between 10ms and 1h", s.RequestTimeout)
	case s.MaxConnections < 16:
		return fmt.Errorf("--max-connections: %d is less than 16", s.MaxConnections)
	case s.MaxKeyBytes < 64 || s.MaxKeyBytes > 1<<16:
		return fmt.Errorf("--max-key-bytes: %d is not between 64 and %d", s.MaxKeyBytes, 1<<16)
	case s.MaxOperations < 1 || s.MaxOperations > 1<<14:
		return fmt.Errorf("--max-operations: %d is not between 1 and %d", s.MaxOperations, 1<<14)
	case !slices.Contains([]string{"debug", "info", "warn", "error"}, s.LogLevel):
		return fmt.Errorf("--log-level: %q is none of debug, info, warn, error", s.LogLevel)
	case !slices.Contains([]string{"auto", "text", "json"}, s.LogFormat):
		return fmt.Errorf("--log-format: %q is none of auto, text, json", s.LogFormat)
	}
	return nil
}

// Bounds of what a learner is told of snapshots.
const (
	leastSnapshotBytes = 1 << 10
	mostSnapshotBytes  = 1 << 40
	mostSnapshotSlots  = 1 << 40
)

func (s *Settings) diskRanges() error {
	switch acceptor, learner := s.Role == paxos.AcceptorRole, s.Role == paxos.LearnerRole; {
	case acceptor && (s.SegmentBytes < 2048 || s.SegmentBytes > 1<<30 || s.SegmentBytes%512 != 0):
		return fmt.Errorf("--segment-bytes: %d is not a multiple of 512 from 2048 to %d", s.SegmentBytes, 1<<30)
	case acceptor && s.TruncateLearners < 0:
		return fmt.Errorf("--truncate-learners: %d is negative; 0 means that nothing is truncated", s.TruncateLearners)
	case acceptor && s.DiskLimit != 0 && s.DiskLimit < 4*s.SegmentBytes:
		// A journal always has a segment in use and one prepared.
		return fmt.Errorf("--disk-limit-bytes: %d is neither 0 nor at least four segments of %d bytes", s.DiskLimit, s.SegmentBytes)
	case learner && (s.SnapshotBytes < leastSnapshotBytes || s.SnapshotBytes > mostSnapshotBytes):
		return fmt.Errorf("--snapshot-bytes: %d is not between %d and %d", s.SnapshotBytes, leastSnapshotBytes, int64(mostSnapshotBytes))
	case learner && (s.SnapshotSlots < 1 || s.SnapshotSlots > mostSnapshotSlots):
		return fmt.Errorf("--snapshot-slots: %d is not between 1 and %d", s.SnapshotSlots, int64(mostSnapshotSlots))
	case s.LockWait < 0 || s.LockWait > 10*time.Minute:
		return fmt.Errorf("--lock-wait: %v is not between 0 and 10m", s.LockWait)
	case learner && s.HistoryBytes < 0:
		return fmt.Errorf("--history-bytes: %d is negative; 0 means that nothing is compacted for its size", s.HistoryBytes)
	}
	return nil
}

func (s *Settings) addresses() error {
	host, port, err := hostPort("--listen", s.Listen)
	if err != nil {
		return err
	}
	if s.Advertise == "" {
		s.Advertise = s.Listen
	}
	if s.GossipListen == "" {
		if port+10000 > 65535 {
			return fmt.Errorf("--gossip-listen is needed: --listen port %d + 10000 is no port", port)
		}
		s.GossipListen = net.JoinHostPort(host, strconv.Itoa(port+10000))
	}
	for _, a := range [][2]string{{"--advertise", s.Advertise}, {"--gossip-listen", s.GossipListen}, {"--gossip-advertise", s.GossipAdvertise}} {
		if a[1] == "" {
			continue
		}
		if _, _, err := hostPort(a[0], a[1]); err != nil {
			return err
		}
	}
	if _, port, _ := hostPort("--advertise", s.Advertise); port == 0 {
		return fmt.Errorf("--advertise: %q has no port that others could use", s.Advertise)
	}
	return nil
}

func hostPort(flag, address string) (string, int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("%s: %q is not host:port", flag, address)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("%s: %q has no port between 0 and 65535", flag, address)
	}
	return host, port, nil
}

// Configuration is who votes and who learns, as the operator says.
func (s *Settings) Configuration() paxos.Configuration {
	return paxos.Configuration{Acceptors: ids(s.Acceptors), Learners: ids(s.Learners)}
}

func ids(names []string) []paxos.NodeID {
	list := make([]paxos.NodeID, len(names))
	for i, n := range names {
		list[i] = paxos.NodeID(strings.TrimSpace(n))
	}
	return list
}

// Addresses are the fixed addresses of --peers.
func (s *Settings) Addresses() (map[paxos.NodeID]string, error) {
	fixed := map[paxos.NodeID]string{}
	for _, p := range s.Peers {
		id, address, ok := strings.Cut(p, "=")
		if !ok {
			return nil, fmt.Errorf("--peers: %q is not id=host:port", p)
		}
		if err := paxos.CheckNodeID(paxos.NodeID(id)); err != nil {
			return nil, fmt.Errorf("--peers: %w", err)
		}
		if _, _, err := hostPort("--peers", address); err != nil {
			return nil, err
		}
		if _, twice := fixed[paxos.NodeID(id)]; twice {
			return nil, fmt.Errorf("--peers: %s is named twice", id)
		}
		fixed[paxos.NodeID(id)] = address
	}
	return fixed, nil
}

// Ticks counts a duration in ticks, at least 1.
func (s *Settings) Ticks(d time.Duration) int { return max(1, int(d/s.Tick)) }
