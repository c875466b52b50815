package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"paxos/client"
	"paxos/gossip"
	"paxos/paxos"
	"paxos/test/ports"
)

// pages serves the values v1 to vN, two a page.
func pages(t *testing.T, n int, failAt paxos.Slot) string {
	return service(t, func(w http.ResponseWriter, r *http.Request) {
		from, err := paxos.ParseUint(r.URL.Query().Get("from"))
		if err != nil || failAt != 0 && paxos.Slot(from) >= failAt {
			refusal(w, 503, "no-learner")
			return
		}
		page := client.Page{Applied: paxos.Slot(n + 1), Consistency: "stale"}
		for slot := int(from); slot <= n && len(page.Values) < 2; slot++ {
			page.Values = append(page.Values, client.Value{Slot: paxos.Slot(slot), Value: fmt.Sprintf("v%d", slot)})
			page.Next, page.More = client.Cursor{Slot: paxos.Slot(slot + 1)}, slot < n
		}
		_ = json.NewEncoder(w).Encode(page)
	})
}

func collect(t *testing.T, c *client.Client, from client.Cursor) (values []string, last error) {
	for v, err := range c.ReadAll(t.Context(), from) {
		if err != nil {
			last = err
			continue
		}
		values = append(values, v.Value)
	}
	return values, last
}

func TestReadAllGoesFromPageToPage(t *testing.T) {
	c := connect(t, pages(t, 5, 0))
	if got, err := collect(t, c, client.Cursor{}); err != nil || strings.Join(got, " ") != "v1 v2 v3 v4 v5" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := collect(t, c, client.Cursor{Slot: 4}); err != nil || strings.Join(got, " ") != "v4 v5" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := collect(t, c, client.Cursor{Slot: 6}); err != nil || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := collect(t, connect(t, pages(t, 5, 3)), client.Cursor{}); !errors.Is(err, client.ErrUnavailable) || len(got) != 2 {
		t.Errorf("a page that fails: %v, %v", got, err)
	}
	for range c.ReadAll(t.Context(), client.Cursor{}) {
		break // and nothing more is asked, or yielded
	}
}

func TestASlotIsAskedWithAllItsValues(t *testing.T) {
	var asked string
	c := connect(t, service(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RequestURI()
		fmt.Fprint(w, `{"values":[]}`)
	}))
	if _, err := c.ReadSlot(t.Context(), 4); err != nil || asked != "/read?limit=10000&slot=4" {
		t.Errorf("%s, %v", asked, err)
	}
}

// proposer says what a proposer says at /leader.
func proposer(t *testing.T, l client.Leader) string {
	return strings.TrimPrefix(service(t, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(l) }), "http://")
}

func TestOfTwoLeadersTheHigherBallotLeads(t *testing.T) {
	old := proposer(t, client.Leader{Node: "proposer1", Leader: "proposer1", Leading: true, Ballot: paxos.Ballot{Number: 3, Proposer: "proposer1"}})
	now := proposer(t, client.Leader{Node: "proposer2", Leader: "proposer2", Leading: true, Ballot: paxos.Ballot{Number: 4, Proposer: "proposer2"}})
	other := proposer(t, client.Leader{Node: "proposer3", Answering: 1, Needed: 2})
	var members client.Members
	for i, address := range []string{old, now, other} {
		members.Members = append(members.Members, client.Member{ID: paxos.NodeID(fmt.Sprint("proposer", i+1)), Role: paxos.ProposerRole, REST: address, State: "alive"})
	}
	c := connect(t, service(t, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(members) }))
	if l, err := c.Leader(t.Context()); err != nil || l.Node != "proposer2" {
		t.Errorf("%+v, %v", l, err)
	}
	_, err := c.LeaderAmong(t.Context(), []string{other, ports.Closed(t)})
	if !errors.Is(err, client.ErrUnavailable) || !strings.Contains(err.Error(), "proposer3 hears 1 acceptor of 2 needed") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody leads: %v", err)
	}
	hangs := strings.TrimPrefix(service(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), "http://")
	begun := time.Now()
	if l, err := c.LeaderAmong(t.Context(), []string{hangs, now}); err != nil || l.Node != "proposer2" || time.Since(begun) > 5*time.Second {
		t.Errorf("beside one that hangs: %+v, %v, after %v", l, err, time.Since(begun))
	}
	l, err := c.LeaderAmong(t.Context(), []string{hangs, other})
	if !strings.Contains(err.Error(), "gave no answer within 1s") || strings.Contains(err.Error(), "context") || l.Node != "proposer3" || l.Leading {
		t.Errorf("nobody leads, beside one that hangs: %+v, %v", l, err)
	}
	if _, err := c.LeaderAmong(t.Context(), nil); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("nobody is known: %v", err)
	}
}

func TestARefusedInitialisationIsAConflictThatSaysWhy(t *testing.T) {
	c := connect(t, ports.Closed(t))
	answer := func(status int, body string) string {
		return service(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); fmt.Fprint(w, body) })
	}
	_, err := c.Initialise(t.Context(), answer(409, `{"message":"initialised","progress":"refused","why":"a lost disk"}`))
	var p *client.Problem
	if !errors.Is(err, client.ErrConflict) || !errors.As(err, &p) || p.Detail != "a lost disk" {
		t.Error(err)
	}
	i, err := c.Initialise(t.Context(), answer(202, `{"progress":"forming","waiting":["acceptor2"]}`))
	if err != nil || i.Progress != "forming" || !slices.Equal(i.Waiting, []paxos.NodeID{"acceptor2"}) {
		t.Errorf("%+v, %v", i, err)
	}
	if _, err := c.Initialise(t.Context(), "nonsense"); !errors.Is(err, client.ErrBadRequest) {
		t.Error(err)
	}
}

func TestEventsAreFollowedUntilTheNodeGoesAway(t *testing.T) {
	var asked string
	address := service(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RawQuery
		if strings.Contains(asked, "kind=no") {
			refusal(w, 400, "bad-request")
			return
		}
		for i := range 3 {
			_ = json.NewEncoder(w).Encode(client.Event{Number: paxos.Number(i + 1), Kind: "chosen"})
		}
	})
	c := connect(t, ports.Closed(t))
	var got []paxos.Number
	var last error
	for e, err := range c.Follow(t.Context(), address, client.Events{FromStart: true, Kinds: []string{"chosen", "elected"}}) {
		if last = err; err == nil {
			got = append(got, e.Number)
		}
	}
	if len(got) != 3 || !errors.Is(last, client.ErrUnavailable) || asked != "follow=1&kind=chosen%2Celected&since=0" {
		t.Errorf("%v, %v, asked %s", got, last, asked)
	}
	for _, err := range c.Follow(t.Context(), address, client.Events{Kinds: []string{"no"}}) {
		if p := (*client.Problem)(nil); !errors.As(err, &p) {
			t.Errorf("a refusal: %v", err)
		}
	}
}

func TestMembersReadWhatGossipWrites(t *testing.T) {
	own := gossip.Member{ID: "acceptor1", Role: paxos.AcceptorRole, REST: "a:1", Gossip: "a:2", State: gossip.Suspect, Started: 1 << 60, Leads: true, Others: []string{"b:1"}}
	text, err := json.Marshal(own)
	if err != nil {
		t.Fatal(err)
	}
	var m client.Member
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	if m.ID != own.ID || m.Role != own.Role || m.REST != own.REST || m.Gossip != own.Gossip || m.State != string(own.State) ||
		m.Started != own.Started || !m.Leads || !slices.Equal(m.Others, own.Others) {
		t.Errorf("%+v from %s", m, text)
	}
}

func TestAllAddressesThatAreSilentAreNamed(t *testing.T) {
	one, two := ports.Closed(t), ports.Closed(t)
	_, err := connect(t, one, two).Members(t.Context())
	want := strings.TrimPrefix(one, "http://") + " does not answer: connection refused; " + strings.TrimPrefix(two, "http://") + " does not answer: connection refused"
	if !errors.Is(err, client.ErrUnavailable) || !errors.Is(err, syscall.ECONNREFUSED) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}
