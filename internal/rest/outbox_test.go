package rest

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"paxos/paxos"
)

// pair is a connection and its other end.
func pair(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, l.Close()) }()
	near, err = net.Dial("tcp", l.Addr().String())
	must(t, err)
	far, err = l.Accept()
	must(t, err)
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

func sized(e paxos.Envelope) parcel { return parcel{envelope: e, size: weight(e.Message)} }

func TestLittleIsWrittenAtOnceAndNobodyIsWoken(t *testing.T) {
	near, far := pair(t)
	var lost atomic.Uint64
	o := newOutbox(&lost)
	o.attach(newAttempt(near))
	<-o.wake // a new stream may find something that waits
	e := heard("learner1", 7)
	o.put(sized(e))
	o.push()
	if len(o.wake) > 0 || !o.empty() {
		t.Error("it waits for the stream's goroutine")
	}
	must(t, far.SetReadDeadline(time.Now().Add(patience)))
	message, err := readFrame(far)
	must(t, err)
	if got, err := paxos.DecodeEnvelope(message); err != nil || got.Message != e.Message {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestWhatAConnectionTakesInPartsArrivesWholeAndInOrder: some is written at
// once, and the rest by the stream's goroutine, while more comes.
func TestWhatAConnectionTakesInPartsArrivesWholeAndInOrder(t *testing.T) {
	near, far := pair(t)
	must(t, near.(*net.TCPConn).SetWriteBuffer(16<<10))
	var lost atomic.Uint64
	o := newOutbox(&lost)
	p := &pipe{conn: near, out: o}
	o.attach(newAttempt(near))
	wrote := make(chan error, 1)
	go func() { wrote <- p.write(t.Context()) }()
	const count = 4000
	var body paxos.Value
	body.Commands = []paxos.Command{{Body: bytes.Repeat([]byte("x"), 3000)}}
	go func() {
		for n := range count {
			e := paxos.Envelope{From: "a", To: "b", Message: paxos.Learn{Votes: []paxos.Vote{{Slot: paxos.Slot(n + 1), Value: &body}}}}
			o.put(sized(e))
			o.push()
		}
	}()
	must(t, far.SetReadDeadline(time.Now().Add(patience)))
	for n := range count {
		message, err := readFrame(far)
		if err != nil {
			t.Fatalf("message %d: %v; the writing: %v", n+1, err, len(wrote) > 0)
		}
		e, err := paxos.DecodeEnvelope(message)
		must(t, err)
		if got := e.Message.(paxos.Learn).Votes[0].Slot; got != paxos.Slot(n+1) {
			t.Fatalf("message %d comes where %d should", got, n+1)
		}
	}
	if lost.Load() > 0 {
		t.Errorf("%d messages were lost", lost.Load())
	}
	until(t, "all is written", o.empty)
}

// TestNothingOvertakesWhatWasWrittenInPart, though the connection would take it.
func TestNothingOvertakesWhatWasWrittenInPart(t *testing.T) {
	near, far := pair(t)
	var lost atomic.Uint64
	o := newOutbox(&lost)
	o.attach(newAttempt(near))
	count := 0
	send := func() {
		count++
		e := paxos.Envelope{From: "a", To: "b", Message: paxos.SnapshotPart{Slot: paxos.Slot(count), Bytes: make([]byte, 30<<10)}}
		o.put(sized(e))
		o.push()
	}
	for len(o.rest) == 0 {
		send()
	}
	must(t, far.SetReadDeadline(time.Now().Add(patience)))
	read := 0
	next := func() {
		message, err := readFrame(far)
		must(t, err)
		e, err := paxos.DecodeEnvelope(message)
		must(t, err)
		if read++; e.Message.(paxos.SnapshotPart).Slot != paxos.Slot(read) {
			t.Fatalf("message %d comes where %d should", e.Message.(paxos.SnapshotPart).Slot, read)
		}
	}
	for read < count-1 {
		next()
	}
	send()
	if len(o.waiting) != 1 {
		t.Error("a message overtakes part of another")
	}
	for range 2 {
		b, _ := o.take(nil, nil)
		send()
		if len(o.waiting) != 1 {
			t.Error("a message overtakes what was taken and is not written yet")
		}
		_, err := near.Write(b)
		must(t, err)
	}
	o.take(nil, nil)
	for read < count-1 {
		next()
	}
}

func TestAFullOutboxLosesWholeMessages(t *testing.T) {
	var lost atomic.Uint64
	o := newOutbox(&lost)
	e := heard("learner1", 7)
	for range queueLimit + 10 {
		o.put(sized(e))
	}
	if lost.Load() != 10 {
		t.Errorf("%d of %d were lost, there is room for %d", lost.Load(), queueLimit+10, queueLimit)
	}
	o.drop()
	large := paxos.Envelope{Message: paxos.SnapshotPart{Bytes: make([]byte, 20<<20)}}
	for range 4 {
		o.put(sized(large))
	}
	if lost.Load() != 11 || o.bytes > queueBytes {
		t.Errorf("%d were lost in all, and %d bytes wait", lost.Load(), o.bytes)
	}
	waiting, _ := o.take(nil, nil)
	for in, n := bytes.NewReader(waiting), 0; ; n++ {
		if _, err := readFrame(in); err == io.EOF && n == 3 {
			return
		} else if err != nil {
			t.Fatalf("after %d frames: %v", n, err)
		}
	}
}

func TestABeatIsSentWhenNothingElseWas(t *testing.T) {
	var lost atomic.Uint64
	o := newOutbox(&lost)
	e := heard("learner1", 7)
	o.put(sized(e))
	sent, _ := o.take(nil, nil)
	o.beat()
	if b, _ := o.take(nil, nil); len(sent) == 0 || len(b) > 0 {
		t.Errorf("a beat of %d bytes is sent soon after a message of %d", len(b), len(sent))
	}
	o.beat()
	if b, _ := o.take(nil, nil); !bytes.Equal(b, appendBeat(nil)) {
		t.Errorf("after a silence % x is sent", b)
	}
}

// TestWhatSeveralPeersGetIsWhatOneWould: the body that they share is made once.
func TestWhatSeveralPeersGetIsWhatOneWould(t *testing.T) {
	book := newBook()
	h := newHub(t, book)
	ids := []paxos.NodeID{"learner1", "learner2"}
	peers := map[paxos.NodeID]*stream{}
	for _, id := range ids {
		p := newPeer(t, id, "s", "127.0.0.1:0")
		book.set(id, p.address())
		h.Send([]paxos.Envelope{heard(id, 1)})
		peers[id] = p.stream(t)
		wantHeard(t, peers[id], 1)
	}
	var sent []paxos.Envelope
	say := func(m paxos.Message, to ...paxos.NodeID) {
		for _, id := range to {
			sent = append(sent, paxos.Envelope{From: "acceptor1", To: id, Message: m})
		}
	}
	large := paxos.Value{Commands: []paxos.Command{{Body: make([]byte, shareBytes)}}}
	votes, others := []paxos.Vote{{Slot: 4, Value: &large}}, []paxos.Vote{{Slot: 5, Value: &large}}
	proposals := []paxos.Proposal{{Slot: 6, Value: large}}
	say(paxos.Learn{Votes: votes}, ids...)
	say(paxos.Learn{Votes: others}, ids...)
	say(paxos.Learn{Votes: others, Store: 9}, ids...)
	say(paxos.Accept{Proposals: proposals}, ids...)
	say(paxos.Accept{Proposals: proposals, Chosen: 3}, ids...)
	say(paxos.Accept{Proposals: proposals, Chosen: 3, Ballot: paxos.Ballot{Number: 2}}, ids[1], ids[0])
	say(paxos.Heard{Count: 8}, ids...)
	h.Send(sent)
	for _, e := range sent {
		got, err := peers[e.To].next()
		must(t, err)
		if a, b := framed(nil, got), framed(nil, e); !bytes.Equal(a, b) {
			t.Errorf("%s got %+v\nnot %+v", e.To, got, e)
		}
	}
}
