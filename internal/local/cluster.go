package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"paxos/internal/wal"
	"paxos/paxos"
)

// Cluster is a cluster in a directory. Any number of them, in any number of
// processes, may look after the same directory: what they know is in it.
type Cluster struct {
	opts  Options
	nodes []Node
	http  *http.Client
}

// NotFoundError says that the cluster has no such node.
type NotFoundError struct {
	ID   paxos.NodeID
	Have []Node
}

// Error implements error.
func (e *NotFoundError) Error() string {
	ids := make([]string, len(e.Have))
	for i, n := range e.Have {
		ids[i] = string(n.ID)
	}
	return fmt.Sprintf("there is no node %q here; there are %s", string(e.ID), strings.Join(ids, ", "))
}

// New describes a cluster; it neither starts nor writes anything.
func New(o Options) (*Cluster, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	c := &Cluster{opts: o, nodes: o.nodes()}
	c.http = &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil}}
	return c, nil
}

// Saved gives the options with which the cluster in dir was last started;
// found is false when there never was one.
func Saved(dir string) (o Options, found bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, savedName))
	if errors.Is(err, fs.ErrNotExist) {
		return Options{Dir: dir}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil {
		return o, false, fmt.Errorf("%s cannot be read (it only keeps ports and numbers of nodes: remove it to start with the usual ones): %w",
			filepath.Join(dir, savedName), err)
	}
	o.Dir = dir
	return o, true, nil
}

const (
	savedName = "local.json"
	// addressesName is the same for shells: a line NAME=HOST:PORT for each node.
	addressesName = "addresses"
)

// checkVoters refuses another number of acceptors than last time: who votes is
// part of what their disks say, so it never changes.
func (c *Cluster) checkVoters() error {
	old, found, err := Saved(c.opts.Dir)
	if err == nil && found && old.Acceptors != c.opts.Acceptors {
		err = fmt.Errorf("the cluster in %s has %d acceptors, not %d: who votes is written on their disks", c.opts.Dir, old.Acceptors, c.opts.Acceptors)
	}
	return err
}

// save keeps the options with which nodes run, and where they answer.
func (c *Cluster) save() error {
	text, err := json.MarshalIndent(c.opts, "", "  ")
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(c.opts.Dir, savedName), append(text, '\n'), 0o644); err != nil {
		return err
	}
	var lines strings.Builder
	for _, n := range c.nodes {
		fmt.Fprintf(&lines, "%s=%s\n", n.ID, n.Address)
	}
	return replace(filepath.Join(c.opts.Dir, addressesName), []byte(lines.String()), 0o644)
}

// replace writes a file so that a reader sees the old or the new one, whole.
func replace(path string, content []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// Dir is the cluster's directory, absolute.
func (c *Cluster) Dir() string { return c.opts.Dir }

// Nodes lists all nodes, running or not: proposers, acceptors, learners,
// clients.
func (c *Cluster) Nodes() []Node { return append([]Node(nil), c.nodes...) }

// Of lists the nodes of a role.
func (c *Cluster) Of(role paxos.RoleName) []Node {
	var list []Node
	for _, n := range c.nodes {
		if n.Role == role {
			list = append(list, n)
		}
	}
	return list
}

// Node gives the node of that id, running or not.
func (c *Cluster) Node(id paxos.NodeID) (Node, bool) {
	for _, n := range c.nodes {
		if n.ID == id {
			return n, true
		}
	}
	return Node{}, false
}

// LogFile is where a node's standard error goes.
func (c *Cluster) LogFile(id paxos.NodeID) string {
	return filepath.Join(c.opts.Dir, "log", string(id)+".log")
}

// DataDir is where an acceptor remembers, and where a learner keeps its
// snapshots.
func (c *Cluster) DataDir(id paxos.NodeID) string {
	return filepath.Join(c.opts.Dir, "data", string(id))
}

// pick gives the nodes of these ids, all when there are none.
func (c *Cluster) pick(ids []paxos.NodeID) ([]Node, error) {
	if len(ids) == 0 {
		return c.Nodes(), nil
	}
	var list []Node
	for _, id := range ids {
		n, ok := c.Node(id)
		if !ok {
			return nil, &NotFoundError{id, c.Nodes()}
		}
		list = append(list, n)
	}
	return list, nil
}

// Fresh reports whether no acceptor's disk has ever been written to, and no
// learner's belongs to a cluster. Only such a cluster may be initialised without
// a person's word: an empty disk beside others that are not is a lost one.
func (c *Cluster) Fresh() (bool, error) {
	for _, n := range c.Of(paxos.AcceptorRole) {
		entries, err := os.ReadDir(c.DataDir(n.ID))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		for _, e := range entries {
			// A node that never got as far as forming leaves its lock behind.
			if e.Name() != "LOCK" {
				return false, nil
			}
		}
	}
	for _, n := range c.Of(paxos.LearnerRole) {
		if _, err := os.Stat(c.DataDir(n.ID)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		// A learner's disk says whose it is from its first start on, and of
		// which cluster only when it knows.
		stored, found, err := wal.ReadIdentity(wal.OS(), c.DataDir(n.ID))
		if err != nil || found && !stored.Cluster.IsZero() {
			return false, err
		}
	}
	return true, nil
}
