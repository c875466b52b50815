package gossip

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"paxos/paxos"
)

func TestOneSeedIsEnough(t *testing.T) {
	t.Parallel()
	for _, g := range trio(t) {
		var rows []string
		for _, m := range g.Members() {
			rows = append(rows, fmt.Sprint(m.Role, " ", m.ID, " ", m.REST, " ", m.State))
		}
		want := []string{
			"acceptor acceptor1 127.0.0.1:4001 alive",
			"acceptor acceptor2 127.0.0.1:4002 alive",
			"proposer proposer1 127.0.0.1:3001 alive",
		}
		if !slices.Equal(rows, want) {
			t.Errorf("members %q, want %q", rows, want)
		}
		if ids := g.Of(paxos.AcceptorRole); !slices.Equal(ids, []paxos.NodeID{"acceptor1", "acceptor2"}) {
			t.Errorf("acceptors %q", ids)
		}
		if a := g.Addresses("proposer1"); !slices.Equal(a, []string{"127.0.0.1:3001"}) {
			t.Errorf("addresses %q", a)
		}
		if a := g.Addresses("nobody"); len(a) != 0 {
			t.Errorf("addresses of nobody: %q", a)
		}
	}
}

func TestRestartOnAnotherAddress(t *testing.T) {
	t.Parallel()
	all := trio(t)
	kill(all[1])
	begun := time.Now()
	o := options("acceptor2", paxos.AcceptorRole, "127.0.0.1:4999", all[0].Address())
	again := run(t, o)
	for _, g := range []*Gossip{all[0], all[2], again} {
		eventually(t, "the new address comes first", func() bool {
			a := g.Addresses("acceptor2")
			return len(a) > 0 && a[0] == "127.0.0.1:4999"
		})
	}
	t.Logf("a node killed and restarted elsewhere is found everywhere after %v", time.Since(begun).Round(time.Millisecond))
	eventually(t, "the old process is given up", func() bool {
		return slices.Equal(all[2].Addresses("acceptor2"), []string{"127.0.0.1:4999"})
	})
}

func TestSilentMemberIsSuspectThenDead(t *testing.T) {
	t.Parallel()
	all := trio(t)
	kill(all[1])
	eventually(t, "suspect", func() bool { return state(all[0], "acceptor2") == Suspect })
	if ids := all[0].Of(paxos.AcceptorRole); !slices.Contains(ids, "acceptor2") {
		t.Errorf("a suspect member is missing in %q", ids)
	}
	for _, g := range []*Gossip{all[0], all[2]} {
		eventually(t, "dead", func() bool { return state(g, "acceptor2") == Dead })
		if ids := g.Of(paxos.AcceptorRole); slices.Contains(ids, "acceptor2") {
			t.Errorf("a dead member is among %q", ids)
		}
		if a := g.Addresses("acceptor2"); !slices.Equal(a, []string{"127.0.0.1:4002"}) {
			t.Errorf("addresses %q: the last known one is better than none", a)
		}
	}
}

func TestStopIsSeenAsLeft(t *testing.T) {
	t.Parallel()
	all := trio(t)
	changed := all[0].Changed()
	for range 2 {
		if err := all[1].Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range []*Gossip{all[0], all[2]} {
		eventually(t, "left", func() bool { return state(g, "acceptor2") == Left })
		if a := g.Addresses("acceptor2"); len(a) != 0 {
			t.Errorf("addresses %q of a member that left", a)
		}
	}
	select {
	case <-changed:
	default:
		t.Error("the change was not signalled")
	}
	if s := state(all[1], "acceptor2"); s != Left {
		t.Errorf("it sees itself %s", s)
	}
	if _, err := all[1].Join([]string{all[0].Address()}); err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("join after stop: %v", err)
	}
}

func TestStopGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	g := run(t, options("client1", paxos.ClientRole, "127.0.0.1:6001"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Stop(ctx); err != nil && !strings.Contains(err.Error(), "still stopping") {
		t.Fatal(err)
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestLateSeed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	later := l.Addr().String()
	l.Close()
	log := &record{}
	_, port, _ := net.SplitHostPort(later)
	o := options("learner1", paxos.LearnerRole, "127.0.0.1:5001", "localhost:"+port)
	o.Log = log
	a := run(t, o)
	eventually(t, "the log says that nobody answers", func() bool { return log.has("warn", "no seed answers yet") })
	o = options("learner2", paxos.LearnerRole, "127.0.0.1:5002", later) // its only seed is itself
	o.Bind = later
	b := run(t, o)
	for _, g := range []*Gossip{a, b} {
		eventually(t, "the late seed is found", func() bool { return len(g.Of(paxos.LearnerRole)) == 2 })
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	a := run(t, options("client1", paxos.ClientRole, "127.0.0.1:6001"))
	b := run(t, options("client2", paxos.ClientRole, "127.0.0.1:6002"))
	for host, want := range map[string]string{
		"127.0.0.1:1":       "refused",
		"127.0.0.1:x":       "port",
		"127.0.0.1:70000":   "port",
		":7946":             "host is needed",
		"nowhere.invalid:1": "nowhere.invalid",
		"a:b:c":             "host:port",
		"http://x:1":        "host:port",
	} {
		n, err := a.Join([]string{host})
		if n != 0 || err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %d, %v", host, n, err)
		}
	}
	if _, err := a.Join(nil); err == nil {
		t.Error("joining nobody is no success")
	}
	if n, err := a.Join([]string{"127.0.0.1:1", b.Address()}); n != 1 || err != nil {
		t.Errorf("one of two answers: %d, %v", n, err)
	}
	eventually(t, "joined", func() bool { return len(a.Members()) == 2 && len(b.Members()) == 2 })
}

func TestAnotherLabelIsIgnored(t *testing.T) {
	t.Parallel()
	a := run(t, options("client1", paxos.ClientRole, "127.0.0.1:6001"))
	o := options("client2", paxos.ClientRole, "127.0.0.1:6002", a.Address())
	o.Label = "another"
	b := run(t, o)
	strangers(t, a, b)
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	key := keyFile(t, 32)
	start := func(id paxos.NodeID, key string, seeds ...string) *Gossip {
		o := options(id, paxos.ClientRole, "127.0.0.1:6001", seeds...)
		o.KeyFile = key
		return run(t, o)
	}
	a := start("client1", key)
	strangers(t, a, start("client3", keyFile(t, 16), a.Address()))
	strangers(t, a, start("client4", "", a.Address()))
	b := start("client2", key, a.Address())
	for _, g := range []*Gossip{a, b} {
		eventually(t, "the same key", func() bool { return len(g.Members()) == 2 })
	}
	// The mirror must work behind a key and a label, too.
	kill(b)
	eventually(t, "suspect", func() bool { return state(a, "client2") == Suspect })
}

func TestTwoProcessesUnderOneID(t *testing.T) {
	t.Parallel()
	seed := run(t, options("client1", paxos.ClientRole, "127.0.0.1:6001"))
	run(t, options("proposer1", paxos.ProposerRole, "127.0.0.1:3001", seed.Address()))
	eventually(t, "the first", func() bool { return len(seed.Addresses("proposer1")) == 1 })
	run(t, options("proposer1", paxos.ProposerRole, "127.0.0.1:3002", seed.Address()))
	eventually(t, "both, the newer first", func() bool {
		return slices.Equal(seed.Addresses("proposer1"), []string{"127.0.0.1:3002", "127.0.0.1:3001"})
	})
	if ids := seed.Of(paxos.ProposerRole); !slices.Equal(ids, []paxos.NodeID{"proposer1"}) {
		t.Errorf("proposers %q", ids)
	}
	rows := seed.Members()
	if len(rows) != 2 || rows[1].REST != "127.0.0.1:3002" || !slices.Equal(rows[1].Others, []string{"127.0.0.1:3001"}) {
		t.Errorf("members %+v", rows)
	}
}

func TestLeaderHint(t *testing.T) {
	t.Parallel()
	all := trio(t)
	a, c := all[0], all[2]
	d := run(t, options("proposer2", paxos.ProposerRole, "127.0.0.1:3002", a.Address()))
	hint := func(n paxos.Number, id paxos.NodeID) Hint {
		return Hint{id, paxos.Ballot{Number: n, Proposer: id, Start: 1<<63 + 7}}
	}
	everywhere := func(h Hint) {
		t.Helper()
		for _, g := range append(all, d) {
			eventually(t, "the leader is "+string(h.Leader), func() bool { return g.Leader() == h })
		}
	}
	a.SetLeader(hint(99, "proposer2")) // hearsay
	c.SetLeader(hint(7, "proposer1"))
	everywhere(hint(7, "proposer1"))
	d.SetLeader(hint(8, "proposer2"))
	everywhere(hint(8, "proposer2"))
	for n := range paxos.Number(1000) {
		d.SetLeader(hint(n+9, "proposer2"))
	}
	everywhere(hint(1008, "proposer2"))
	d.SetLeader(hint(1, paxos.NodeID(strings.Repeat("x", 64)))) // refused
	d.SetLeader(Hint{})
	everywhere(hint(7, "proposer1"))
	kill(c)
	eventually(t, "a dead leader is none", func() bool { return a.Leader() == Hint{} })
}

// foreign is a process of some other program in the same cluster.
type foreign struct {
	ears
	meta []byte
}

func (f *foreign) NodeMeta(int) []byte { return f.meta }

func TestForeignMetadataIsIgnoredAndLogged(t *testing.T) {
	t.Parallel()
	log := &record{}
	o := options("client1", paxos.ClientRole, "127.0.0.1:6001")
	o.Log = log
	g := run(t, o)
	good := options("other", paxos.ClientRole, "127.0.0.1:6009").card(time.Now()).encode()
	for name, meta := range map[string][]byte{
		"empty": nil, "garbled": []byte("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		"future": {2, 1, 2, 3}, "mine/1": good, "long": bytes.Repeat([]byte{1}, memberlist.MetaMaxSize),
	} {
		c := memberlist.DefaultLocalConfig()
		c.Name, c.BindAddr, c.BindPort, c.Label = name, "127.0.0.1", 0, "test"
		c.Delegate, c.Logger = &foreign{meta: meta}, logger(newNotes(nil))
		list, err := memberlist.Create(c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = list.Shutdown() })
		if _, err := list.Join([]string{g.Address()}); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+" is logged", func() bool { return log.has("warn", `"`+name+`"`, "ignored") })
	}
	if rows := g.Members(); len(rows) != 1 {
		t.Errorf("members %+v", rows)
	}
}
