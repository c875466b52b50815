package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"paxos/client"
	"paxos/internal/config"
	"paxos/kv"
	"paxos/paxos"
)

// largest is the largest command that is let in with this limit of values: a
// transaction, for a value alone has less.
func largest(limit int) paxos.Command {
	c := command("")
	c.Key = strings.Repeat("k", paxos.MaxKeyBytes)
	size, txn := limit+bodyMargin, kv.Txn{}
	put := func(padding, value int) {
		key := fmt.Sprintf("%04d%s", len(txn.Then), strings.Repeat("k", padding))
		txn.Then = append(txn.Then, kv.Op{Put: &kv.Put{Key: key, Value: strings.Repeat("x", value)}})
	}
	for range (size - limit - 100) / (limit + 20) {
		put(0, limit)
	}
	// The last one fills the rest; where a length takes a byte more, its key does.
	for rest := size - len(kv.Encode(txn)); rest > limit; rest = size - len(kv.Encode(txn)) {
		put(0, limit)
	}
	rest := size - len(kv.Encode(txn))
	for i := range 200 {
		put(i%4, rest-i/4)
		if c.Body = kv.Encode(txn); len(c.Body) == size {
			return c
		}
		txn.Then = txn.Then[:len(txn.Then)-1]
	}
	panic("there is no command of that size")
}

// command appends a value; nobody waits for it.
func command(value string) paxos.Command {
	return paxos.Command{Session: freshSession(), Sequence: 1, Body: kv.Append(value)}
}

// TestWhatIsLetInCanBeToldToEverybody: a value that was chosen and does not
// fit into a message would stop the cluster for ever.
func TestWhatIsLetInCanBeToldToEverybody(t *testing.T) {
	const page = 1 << 20 // PageBytes, and what a leader puts into a slot, of the services
	id := paxos.NodeID(strings.Repeat("n", 63))
	ballot := paxos.Ballot{Number: 1<<64 - 1, Proposer: id, Start: 1<<64 - 1}
	long := func(c paxos.Command) paxos.Command {
		c.Session, c.Sequence, c.Confirmed, c.Admitted, c.Client = 1<<64-1, 1<<64-1, 1<<64-1, 1<<64-1, id
		return c
	}
	one := paxos.Value{Time: 1<<64 - 1, Commands: []paxos.Command{long(largest(config.MaxValueLimit))}}
	byHand := paxos.Value{Time: 1<<64 - 1, Commands: make([]paxos.Command, acceptLimit/(48+len(id)))}
	for i := range byHand.Commands {
		byHand.Commands[i] = long(paxos.Command{})
	}
	fits := func(name string, m paxos.Message) {
		t.Helper()
		n := len(paxos.AppendEnvelope(nil, paxos.Envelope{From: id, To: id, Message: m}))
		if n > frameLimit {
			t.Errorf("%s takes %d bytes, a frame %d", name, n, frameLimit)
		}
		if _, err := readFrame(bytes.NewReader(frameOf(make([]byte, n)))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	everywhere := func(name string, values ...paxos.Value) {
		var entries []paxos.Entry
		var votes []paxos.Vote
		var proposals []paxos.Proposal
		for i := range values {
			entries = append(entries, paxos.Entry{Slot: 1<<64 - 1, Ballot: ballot, Value: values[i]})
			votes = append(votes, paxos.Vote{Slot: 1<<64 - 1, Ballot: ballot, Value: &values[i]})
			proposals = append(proposals, paxos.Proposal{Slot: 1<<64 - 1, Value: values[i]})
		}
		fits(name+" in Accept", paxos.Accept{Ballot: ballot, Proposals: proposals})
		fits(name+" in Promise", paxos.Promise{Ballot: ballot, Entries: entries})
		fits(name+" in Learn", paxos.Learn{Votes: votes})
		fits(name+" in Voted", paxos.Voted{Votes: votes})
		fits(name+" in Chosen", paxos.Chosen{Entries: entries})
	}
	fits("the largest command in Propose", paxos.Propose{Commands: one.Commands})
	everywhere("the largest command", one)
	everywhere("the most that an acceptor takes", byHand)
	everywhere("a page of no-ops", slices.Repeat([]paxos.Value{{Time: 1<<64 - 1}}, page/paxos.Value{}.Size())...)
	outcomes := slices.Repeat([]paxos.Outcome{{Session: 1<<64 - 1, Sequence: 1<<64 - 1, Slot: 1<<64 - 1, Position: 1<<32 - 1, Result: make([]byte, 64)}}, page/48)
	fits("a page of outcomes in Notify", paxos.Notify{Outcomes: outcomes})
}

func TestCommandsOverTheLimitAreNotLetIn(t *testing.T) {
	const most = 2000
	w := newTown(t, "--max-value-bytes", fmt.Sprint(most))
	full := largest(most)
	over := full
	over.Body = append(slices.Clone(full.Body), 'x')
	many := make([]paxos.Command, postedCommands+1)
	for i := range many {
		many[i] = command("x")
	}
	var heavy []paxos.Command // each of them is small enough
	for paxos.Value.Size(paxos.Value{Commands: heavy}) <= most+postedMargin {
		heavy = append(heavy, full)
	}
	_, before := w.acceptor.get(t, "/highest")
	for name, c := range map[string]struct {
		commands []paxos.Command
		words    string
	}{
		"a command over the limit": {[]paxos.Command{command("x"), over}, fmt.Sprintf("the command's body has %d bytes, at most %d are allowed", most+bodyMargin+1, most+bodyMargin)},
		"too many commands":        {many, "4097 commands, at most 4096"},
		"too many bytes":           {heavy, fmt.Sprintf("bytes in all, at most %d", most+postedMargin)},
	} {
		e := w.envelope(t, paxos.Propose{Commands: c.commands})
		r, b := w.proposer.call(t, http.MethodPost, "/propose", paxos.AppendEnvelope(nil, e), "Content-Type", binaryForm)
		wantProblem(t, name+", binary", r, b, http.StatusRequestEntityTooLarge, "too-large", c.words)
		text, err := paxos.EncodeJSON(e)
		must(t, err)
		r, b = w.proposer.call(t, http.MethodPost, "/propose", text)
		wantProblem(t, name+", JSON", r, b, http.StatusRequestEntityTooLarge, "too-large", c.words)
	}
	r, b := w.proposer.call(t, http.MethodPost, "/propose", []byte(`{"value":"`+strings.Repeat("x", most+1)+`"}`))
	wantProblem(t, "a value over the limit", r, b, http.StatusRequestEntityTooLarge, "too-large", "the value has 2001 bytes, at most 2000")
	s, rejected := dial(t, w.proposer, "client9"), w.proposer.loop.Counts().Rejected.Load()
	_, err := s.Write(framed(nil, s.h.Envelope("proposer1", paxos.Propose{Attempt: 1, Commands: []paxos.Command{over}})))
	must(t, err)
	until(t, "the stream's message is rejected", func() bool { return w.proposer.loop.Counts().Rejected.Load() == rejected+1 })
	if _, after := w.acceptor.get(t, "/highest"); slotOf(t, before) != slotOf(t, after) {
		t.Errorf("something was accepted: %s", after)
	}
	// What is just small enough passes, and the stream goes on.
	if m, ok := s.ask(t, "proposer1", paxos.Propose{Attempt: 2, Commands: []paxos.Command{full}}).(paxos.Proposed); !ok || len(m.Placed) != 1 {
		t.Errorf("the largest command over a stream: %+v", m)
	}
	for _, commands := range [][]paxos.Command{{full}, many[1:]} {
		e := w.envelope(t, paxos.Propose{Commands: commands})
		r, b = w.proposer.call(t, http.MethodPost, "/propose?timeout=20s", paxos.AppendEnvelope(nil, e), "Content-Type", binaryForm)
		if r.StatusCode != http.StatusOK {
			t.Errorf("%d commands within the limits: %d %.200s", len(commands), r.StatusCode, b)
		}
	}
}

// envelope is a message to the proposer with a whole header.
func (w *town) envelope(t testing.TB, m paxos.Message) paxos.Envelope {
	t.Helper()
	h, err := w.acceptor.server.header(t.Context())
	must(t, err)
	return paxos.Envelope{To: "proposer1", Cluster: h.Cluster, Config: h.Config, Message: m}
}

func slotOf(t testing.TB, highest []byte) string {
	t.Helper()
	var m struct{ Slot string }
	must(t, json.Unmarshal(highest, &m))
	return m.Slot
}

func TestAcceptsOverTheLimitAreNotLetIn(t *testing.T) {
	w := newTown(t)
	post := func(commands string) (*http.Response, []byte) {
		return w.acceptor.call(t, http.MethodPost, "/accept", []byte(`{"ballot":{"number":"1000","proposer":"me"},"proposals":[{"slot":"1000","value":{"commands":[`+commands+`]}}]}`))
	}
	// Three bytes of JSON can be more in a message.
	r, b := post(strings.Repeat("{},", acceptLimit/48) + "{}")
	wantProblem(t, "many commands", r, b, http.StatusRequestEntityTooLarge, "too-large", "at most 16777216")
	r, b = post(`{"sequence":"1","body":"//8="}`)
	wantProblem(t, "a command that would stop every learner", r, b, http.StatusBadRequest, "unknown command")
	s, rejected := dial(t, w.acceptor, "proposer9"), w.acceptor.loop.Counts().Rejected.Load()
	large := paxos.Value{Commands: []paxos.Command{{Body: make([]byte, acceptLimit)}}}
	_, err := s.Write(framed(nil, s.h.Envelope("acceptor1", paxos.Accept{Ballot: paxos.Ballot{Number: 1000}, Proposals: []paxos.Proposal{{Slot: 1000, Value: large}}})))
	must(t, err)
	until(t, "the stream's message is rejected", func() bool { return w.acceptor.loop.Counts().Rejected.Load() == rejected+1 })
	if _, b := w.acceptor.get(t, "/highest"); slotOf(t, b) == "1000" {
		t.Errorf("it was accepted: %s", b)
	}
}

// TestTheLargestValueIsLearnedByAll, also by a learner that starts later.
func TestTheLargestValueIsLearnedByAll(t *testing.T) {
	flags := []string{"--learners", "learner2", "--max-value-bytes", fmt.Sprint(config.MaxValueLimit)}
	w := newTown(t, flags...)
	second := start(t, w.book, "learner2", flags...)
	body, err := json.Marshal(map[string]string{"value": strings.Repeat("x", config.MaxValueLimit)})
	must(t, err)
	status, b := w.client.post(t, "/send?timeout=20s", string(body))
	sent := decode[client.Sent](t, status, b, http.StatusOK)
	learned := func(n *made) {
		status, b := n.get(t, fmt.Sprintf("/get-values?timeout=20s&slot=%d", sent.Slot))
		page := decode[client.Page](t, status, b, http.StatusOK)
		if len(page.Values) != 1 || len(page.Values[0].Value) != config.MaxValueLimit {
			t.Errorf("%s has %d values there", n.id, len(page.Values))
		}
	}
	learned(w.learner)
	learned(second)
	second.stop()
	learned(start(t, w.book, "learner2", flags...))
}
