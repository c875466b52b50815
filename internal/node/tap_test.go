package node_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"paxos/internal/node"
	"paxos/paxos"
)

// tap writes what it is told into the world's list, after a mark, so that its
// place is seen.
type tap struct {
	*world
	err error
}

var errTap = errors.New("nobody listens any more")

func (t *tap) Turned(records []paxos.Record, sent []paxos.Envelope) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acts = append(t.acts, act{kept: append([]paxos.Record{paxos.PromisedRecord{}}, records...), sent: append([]paxos.Envelope(nil), sent...)})
	return t.err
}

func tapped(effects paxos.Effects, w *world, err error) *node.Loop {
	return node.New(node.Options{Role: &puppet{flush: func() paxos.Effects { return effects }}, Store: w, Network: w, Tick: time.Hour, Now: time.Now, Tap: &tap{w, err}})
}

func TestATapIsToldBetweenTheWriteAndTheSending(t *testing.T) {
	record, message := paxos.FloorRecord{Floor: 7}, header.Envelope("p1", paxos.Heard{Count: 1})
	task, answer := header.Envelope(paxos.Keeper, paxos.ReadPart{}), header.Envelope("local-1", paxos.Heard{Count: 2})
	mark := paxos.PromisedRecord{}
	for name, c := range map[string]struct {
		effects paxos.Effects
		err     error
		want    []act
	}{
		"records and messages": {paxos.Effects{Persist: []paxos.Record{record}, Send: []paxos.Envelope{message}}, nil,
			[]act{{kept: []paxos.Record{record}}, {kept: []paxos.Record{mark, record}, sent: []paxos.Envelope{message}}, {sent: []paxos.Envelope{message}}}},
		"messages alone": {paxos.Effects{Send: []paxos.Envelope{message}}, nil,
			[]act{{kept: []paxos.Record{mark}, sent: []paxos.Envelope{message}}, {sent: []paxos.Envelope{message}}}},
		"what stays here": {paxos.Effects{Send: []paxos.Envelope{task, answer}}, nil,
			[]act{{kept: []paxos.Record{mark}, sent: []paxos.Envelope{task, answer}}, {sent: []paxos.Envelope{answer}}}},
		"nothing": {paxos.Effects{Events: []paxos.Event{{}}}, nil, nil},
		"a tap that fails": {paxos.Effects{Persist: []paxos.Record{record}, Send: []paxos.Envelope{message}}, errTap,
			[]act{{kept: []paxos.Record{record}}, {kept: []paxos.Record{mark, record}, sent: []paxos.Envelope{message}}}},
	} {
		w := &world{}
		if err := tapped(c.effects, w, c.err).Turn(nil, 0); !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: the turn gives %v", name, err)
		}
		if diff := cmp.Diff(c.want, w.did(), cmp.AllowUnexported(act{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestATapIsToldNothingThatWasNotWritten(t *testing.T) {
	w := &world{fail: errDisk}
	effects := paxos.Effects{Persist: []paxos.Record{paxos.FloorRecord{Floor: 7}}, Send: []paxos.Envelope{header.Envelope("p1", paxos.Heard{})}}
	if err := tapped(effects, w, nil).Turn(nil, 0); !errors.Is(err, errDisk) {
		t.Errorf("the turn gives %v", err)
	}
	if did := w.did(); len(did) != 1 {
		t.Errorf("after a failed write there came %v", did[1:])
	}
}
