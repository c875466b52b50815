package peers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"paxos/bench/peers/dragonboat"
	"paxos/bench/peers/etcd"
	"paxos/bench/peers/nats"
	"paxos/bench/peers/rqlite"
	"paxos/bench/system"
)

// peer is a system that can be built and started.
type peer struct {
	name    string
	binary  string // of its server
	server  string // the package of that
	cgo     bool   // it needs a C compiler
	cluster func(name, program string) system.System
}

// The peers with "-gogc" are given the memory that spares Go's collector work:
// our own nodes take it by themselves (internal/service), those of others are told
// by whoever runs them.
var gogc = []string{"GOGC=400"}

var all = []peer{
	{"etcd", "peer-etcd", etcd.Package, false, func(name, program string) system.System {
		return etcd.New(etcd.Options{Name: name, Program: program})
	}},
	{"etcd-gogc", "peer-etcd", etcd.Package, false, func(name, program string) system.System {
		return etcd.New(etcd.Options{Name: name, Program: program, Environment: gogc})
	}},
	{"etcd-tuned", "peer-etcd", etcd.Package, false, func(name, program string) system.System {
		return etcd.New(etcd.Options{Name: name, Program: program, Heartbeat: etcd.ShortHeartbeat, Election: etcd.ShortElection})
	}},
	{"dragonboat", "peer-dragonboat", dragonboat.Package, false, func(name, program string) system.System {
		return dragonboat.New(dragonboat.Options{Name: name, Program: program})
	}},
	{"dragonboat-gogc", "peer-dragonboat", dragonboat.Package, false, func(name, program string) system.System {
		return dragonboat.New(dragonboat.Options{Name: name, Program: program, Environment: gogc})
	}},
	{"dragonboat-tuned", "peer-dragonboat", dragonboat.Package, false, func(name, program string) system.System {
		return dragonboat.New(dragonboat.Options{Name: name, Program: program, Tick: dragonboat.ShortTick})
	}},
	{"nats", "peer-nats", nats.Package, false, func(name, program string) system.System {
		return nats.New(nats.Options{Name: name, Program: program})
	}},
	{"nats-gogc", "peer-nats", nats.Package, false, func(name, program string) system.System {
		return nats.New(nats.Options{Name: name, Program: program, Environment: gogc})
	}},
	{"rqlite", "peer-rqlite", rqlite.Package, true, func(name, program string) system.System {
		return rqlite.New(rqlite.Options{Name: name, Program: program})
	}},
}

// Names are those that New knows.
func Names() []string {
	var names []string
	for _, p := range all {
		names = append(names, p.name)
	}
	return names
}

func find(name string) (peer, error) {
	i := slices.IndexFunc(all, func(p peer) bool { return p.name == name })
	if i < 0 {
		return peer{}, fmt.Errorf("there is no peer %q, only %q", name, Names())
	}
	return all[i], nil
}

// program is where Build puts a peer's server.
func (p peer) program(dir string) string { return filepath.Join(dir, p.binary) }

// Build builds a peer's server into dir. Module is the directory of the bench's
// module, whose go.mod says which versions.
func Build(ctx context.Context, module, dir, name string) error {
	p, err := find(name)
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", p.program(dir), p.server)
	build.Dir = module
	build.Env = append(os.Environ(), "GOWORK=off")
	if p.cgo {
		build.Env = append(build.Env, "CGO_ENABLED=1") // what is missing is then said
	}
	var said bytes.Buffer
	build.Stdout, build.Stderr = &said, &said
	if err := build.Run(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", name, err, said.Bytes())
	}
	return nil
}

// New is a peer's cluster that is not started; its server was built into dir.
func New(name, dir string) (system.System, error) {
	p, err := find(name)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	return p.cluster(p.name, p.program(dir)), nil
}
