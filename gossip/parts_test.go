package gossip

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"paxos/paxos"
)

func TestStartRefuses(t *testing.T) {
	good := options("client1", paxos.ClientRole, "127.0.0.1:6001")
	taken := run(t, good)
	for name, c := range map[string]struct {
		spoil func(*Options)
		want  string
	}{
		"id":             {func(o *Options) { o.Node = "a/b" }, "letters, digits and hyphens"},
		"role":           {func(o *Options) { o.Role = "boss" }, `role "boss"`},
		"rest":           {func(o *Options) { o.REST = "here" }, "host:port is needed"},
		"rest port":      {func(o *Options) { o.REST = "here:0" }, "port from 1 to 65535"},
		"rest host":      {func(o *Options) { o.REST = "0.0.0.0:6001" }, "can reach"},
		"size":           {func(o *Options) { o.REST = strings.Repeat("x", 400) + ":6001" }, "shorten it by"},
		"label":          {func(o *Options) { o.Label = strings.Repeat("x", 256) }, "255 are allowed"},
		"interval":       {func(o *Options) { o.RejoinInterval = -1 }, "negative"},
		"bind":           {func(o *Options) { o.Bind = "7946" }, "bind address"},
		"bind port":      {func(o *Options) { o.Bind = "127.0.0.1:gossip" }, "port from 0 to 65535"},
		"bind name":      {func(o *Options) { o.Bind = "nowhere.invalid:0" }, "nowhere.invalid"},
		"bind v6":        {func(o *Options) { o.Bind = "[::]:0" }, "advertised address is needed"},
		"taken":          {func(o *Options) { o.Bind = taken.Address() }, "address already in use"},
		"advertise":      {func(o *Options) { o.Advertise = "pod" }, "advertised address"},
		"advertise any":  {func(o *Options) { o.Advertise = "0.0.0.0:0" }, "can reach"},
		"key missing":    {func(o *Options) { o.KeyFile = t.TempDir() + "/none" }, "cannot be read"},
		"key not base64": {func(o *Options) { o.KeyFile = write(t, "secret!") }, "not base64"},
		"key size":       {func(o *Options) { o.KeyFile = keyFile(t, 15) }, "base64 of 15"},
	} {
		o := good
		c.spoil(&o)
		_, err := Start(o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAdvertise(t *testing.T) {
	o := options("client1", paxos.ClientRole, "127.0.0.1:6001")
	o.Advertise = "localhost:7999"
	if a := run(t, o).Address(); a != "127.0.0.1:7999" {
		t.Error(a)
	}
	o.Advertise = "10.1.2.3:0"
	if a := run(t, o).Address(); !strings.HasPrefix(a, "10.1.2.3:") || strings.HasSuffix(a, ":0") {
		t.Error(a)
	}
}

func TestMemberJSON(t *testing.T) {
	m := Member{
		ID: "proposer1", Role: paxos.ProposerRole, REST: "10.0.0.1:3001", Gossip: "10.0.0.1:7946", State: Suspect,
		Started: 1<<53 + 1, Leads: true,
		Hint:   Hint{"proposer1", paxos.Ballot{Number: 1<<63 + 1, Proposer: "proposer1", Start: 10}},
		Others: []string{"10.0.0.2:3001"},
	}
	got, err := json.Marshal([]Member{m, {ID: "client1"}})
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"id":"proposer1","role":"proposer","rest":"10.0.0.1:3001","gossip":"10.0.0.1:7946","state":"suspect",` +
		`"started":"9007199254740993","leads":true,"hint":{"leader":"proposer1","ballot":{"number":"9223372036854775809",` +
		`"proposer":"proposer1","start":"000000000000000a"}},"others":["10.0.0.2:3001"]},` +
		`{"id":"client1","role":"","rest":"","gossip":"","state":"","started":"0","leads":false}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTheGoneAreBounded(t *testing.T) {
	own := card{ID: "client1", Role: paxos.ClientRole, REST: "127.0.0.1:1"}
	b := newBook("client1/0", "127.0.0.1:2", own)
	g := &Gossip{book: b}
	begun := time.Unix(1000, 0)
	for i := range 3 * goneKept {
		name := fmt.Sprintf("learner%d/0", i)
		c := card{ID: paxos.NodeID(fmt.Sprintf("learner%d", i)), Role: paxos.LearnerRole, REST: "127.0.0.1:3"}
		b.living(name, "127.0.0.1:4", c, false)
		b.goes(name, begun.Add(time.Duration(i)))
	}
	if n := len(g.Members()); n != goneKept+1 {
		t.Errorf("%d members", n)
	}
	last := paxos.NodeID(fmt.Sprintf("learner%d", 3*goneKept-1))
	if state(g, last) != Dead || state(g, "learner0") != "" {
		t.Error("the longest gone go first")
	}
	changed := g.Changed()
	b.forget(begun.Add(goneFor / 2))
	select {
	case <-changed:
		t.Error("nothing changed")
	default:
	}
	b.forget(begun.Add(2 * goneFor))
	if n := len(g.Members()); n != 1 {
		t.Errorf("%d members", n)
	}
	<-changed
}

func TestNotes(t *testing.T) {
	log := &record{}
	n := newNotes(log)
	l := logger(n)
	l.Printf("[DEBUG] memberlist: chatter")
	l.Printf("[INFO] memberlist: talk")
	l.Printf("[WARN] memberlist: worry")
	l.Printf("[ERR] memberlist: trouble")
	l.Printf("[DEBUG] memberlist: Initiating push/pull sync with: %s %s", mirrorName, mirrorAddr{})
	for i := range 2 * cap(n.lines) {
		n.infof("line %d", i)
	}
	stop := make(chan struct{})
	close(stop)
	n.run(stop)
	for _, want := range []string{"debug memberlist: chatter", "debug memberlist: talk", "warn memberlist: worry", "warn memberlist: trouble", "lines were dropped"} {
		if !log.has(want) {
			t.Errorf("%q is missing", want)
		}
	}
	if log.has("mirror") {
		t.Error("the mirror shows in the log")
	}
}

func FuzzCard(f *testing.F) {
	c := options("client1", paxos.ClientRole, "127.0.0.1:6001").card(time.Now())
	f.Add(c.encode())
	c.Hint = Hint{"proposer1", paxos.Ballot{Number: 1 << 40, Proposer: "proposer1", Start: 1}}
	whole := c.encode()
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeCard(b)
		if err != nil {
			return
		}
		again, err := decodeCard(c.encode())
		if err != nil || again != c {
			t.Errorf("%+v became %+v (%v)", c, again, err)
		}
	})
}

func TestLargestCardFits(t *testing.T) {
	c := card{ID: paxos.NodeID(strings.Repeat("n", 63)), Role: paxos.ProposerRole, Started: 1<<63 - 1}
	c.REST = strings.Repeat("x", 253) + ":65535" // the longest DNS name
	if err := c.checkSize(); err != nil {
		t.Error(err)
	}
	c.REST += strings.Repeat("0", memberlist.MetaMaxSize)
	if err := c.checkSize(); err == nil {
		t.Error("too large and not refused")
	}
}
