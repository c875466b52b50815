package run

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"paxos/bench/peers"
	"paxos/bench/system"
	"paxos/internal/sched"
)

// kit makes systems, and builds their programs when they are first needed.
type kit struct {
	root  string // of the repository
	bin   string // where programs are built
	node  string // a program to run as ours instead; "" for the tree's own
	pprof bool
	say   func(format string, args ...any)

	mu    sync.Mutex
	built map[string]bool
}

// own builds our program and gives its path.
func (k *kit) own(ctx context.Context) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	path := filepath.Join(k.bin, "node")
	if k.node != "" || k.built["paxos"] {
		return cmp.Or(k.node, path), nil
	}
	k.say("building paxos")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/node")
	cmd.Dir = k.root
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, said.Bytes())
	}
	k.built["paxos"] = true
	return path, nil
}

// make makes a system by its name; a variant of ours stands behind a slash.
func (k *kit) make(ctx context.Context, name string) (system.System, error) {
	kind, variant, _ := strings.Cut(name, "/")
	if kind == "paxos" {
		return k.ours(ctx, variant)
	}
	if !slices.Contains(peers.Names(), kind) || variant != "" && variant != inBatches {
		return nil, fmt.Errorf("there is no system %q", name)
	}
	if err := k.peer(ctx, kind); err != nil {
		return nil, err
	}
	sys, err := peers.New(kind, k.bin)
	if err == nil && variant == inBatches {
		sys = &batched{sys}
	}
	return sys, err
}

// inBatches is a variant of peers: as our own nodes do when they are crowded, and
// as an operator can let any program do (chrt -b).
const inBatches = "in-batches"

// batched is a system whose servers work in batches.
type batched struct{ system.System }

// Counters implements system.Counting, if the peer does.
func (b *batched) Counters(ctx context.Context) (system.Counters, error) {
	if counting, ok := b.System.(system.Counting); ok {
		return counting.Counters(ctx)
	}
	return system.Counters{}, system.ErrNot
}

// Start implements system.System.
func (b *batched) Start(ctx context.Context, dir string) error {
	if err := b.System.Start(ctx, dir); err != nil {
		return err
	}
	for _, pid := range b.Processes() {
		if err := sched.Batch(pid, true); err != nil {
			return err
		}
	}
	return nil
}

// peer builds a peer's server once.
func (k *kit) peer(ctx context.Context, name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.built[name] {
		return nil
	}
	k.say("building %s", name)
	err := peers.Build(ctx, filepath.Join(k.root, "bench"), k.bin, name)
	k.built[name] = err == nil
	return err
}

// learnerShare is so small that learners are what limits reads, and not the
// machine, which the readers need too.
const learnerShare = 0.2

// never is more bytes, or slots, than a measurement writes.
const never = 1 << 40

func (k *kit) ours(ctx context.Context, variant string) (system.System, error) {
	path, err := k.own(ctx)
	if err != nil {
		return nil, err
	}
	o := &system.Ours{Program: path}
	if k.pprof {
		o.Args = append(o.Args, "--pprof")
	}
	switch variant {
	case "":
	case "before":
		if o.Program, err = k.before(ctx); err != nil {
			return nil, err
		}
		o.Args = nil
	case "no-snapshots":
		o.Args = append(o.Args, fmt.Sprintf("--snapshot-bytes=%d", int64(never)), fmt.Sprintf("--snapshot-slots=%d", int64(never)))
	case "1-learner":
		o.Learners, o.Share = 1, learnerShare
	case "3-learners":
		o.Learners, o.Share = 3, learnerShare
	default:
		return nil, fmt.Errorf("there is no variant %q of paxos", variant)
	}
	return o, nil
}
