package rest

import (
	"bytes"
	"fmt"
	"testing"

	"paxos/paxos"
)

// batched is an Accept with so many commands of 300 bytes, for three acceptors.
func batched(commands int) []paxos.Envelope {
	value := paxos.Value{Time: 1}
	for n := range commands {
		value.Commands = append(value.Commands, paxos.Command{Session: 1 << 60, Sequence: paxos.Sequence(n + 1), Client: "client1", Admitted: 9, Body: make([]byte, 300)})
	}
	m := paxos.Accept{Ballot: paxos.Ballot{Number: 3, Proposer: "proposer1", Start: 7}, Proposals: []paxos.Proposal{{Slot: 10, Value: value}}}
	var list []paxos.Envelope
	for n := range 3 {
		list = append(list, paxos.Envelope{From: "proposer1", To: paxos.NodeID(fmt.Sprintf("acceptor%d", n+1)), Message: m})
	}
	return list
}

// BenchmarkSend is an Accept on its way into the outboxes of three acceptors.
func BenchmarkSend(b *testing.B) {
	for _, commands := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("commands=%d", commands), func(b *testing.B) {
			h := newHub(b, newBook())
			list := batched(commands)
			outboxes := linkedTo(h, list)
			b.ReportAllocs()
			for b.Loop() {
				h.Send(list)
				for _, o := range outboxes {
					o.empties()
				}
			}
		})
	}
}

// emptied is an outbox whose taker uses again what it took, as pipe.write does.
type emptied struct {
	*outbox
	buf   []byte
	spare []parcel
}

func (o *emptied) empties() int {
	o.buf, o.spare = o.take(o.buf[:0], o.spare)
	return len(o.buf)
}

// linkedTo gives the hub streams that are not open to whom the list is for.
func linkedTo(h *Hub, list []paxos.Envelope) (outboxes []*emptied) {
	for _, e := range list {
		l := &link{hub: h, to: e.To, out: newOutbox(&h.Lost)}
		h.links[e.To] = l
		outboxes = append(outboxes, &emptied{outbox: l.out})
	}
	return outboxes
}

// BenchmarkReceive is such an Accept from the bytes of a stream to an envelope.
func BenchmarkReceive(b *testing.B) {
	for _, commands := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("commands=%d", commands), func(b *testing.B) {
			frame := framed(nil, batched(commands)[0])
			in := bytes.NewReader(nil)
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				in.Reset(frame)
				message, err := readFrame(in)
				must(b, err)
				_, err = paxos.DecodeEnvelope(message)
				must(b, err)
			}
		})
	}
}

func TestALargeBodyIsMadeOnceForAll(t *testing.T) {
	h := newHub(t, newBook())
	list := batched(64)
	outboxes := linkedTo(h, list)
	h.Send(append(list, batched(1)...))
	first := outboxes[0].waiting[0].common
	for i, o := range outboxes {
		if got := o.waiting[0].common; got == nil || got != first {
			t.Errorf("acceptor%d gets a body of its own", i+1)
		}
		if o.waiting[1].common != nil {
			t.Errorf("acceptor%d shares a small body", i+1)
		}
		o.empties()
	}
}

// TestWhatSendingAllocates: a small message nothing, once buffers have grown; a
// large one its form, once for all who get it.
func TestWhatSendingAllocates(t *testing.T) {
	for commands, most := range map[int]float64{1: 0, 64: 3} {
		h := newHub(t, newBook())
		list := batched(commands)
		outboxes := linkedTo(h, list)
		got := testing.AllocsPerRun(50, func() {
			h.Send(list)
			for _, o := range outboxes {
				if o.empties() == 0 {
					t.Fatal("nothing was sent")
				}
			}
		})
		if got > most {
			t.Errorf("an Accept of %d commands for %d acceptors allocates %.0f times", commands, len(list), got)
		}
	}
}
