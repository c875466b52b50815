package wire

import (
	"encoding/binary"
	"math"
	"time"

	"paxos/paxos"
)

// ReadsProtocol is what the Upgrade header asks for at a learner, for a stream of
// reads: Reads go to the learner, Answers come from it.
const ReadsProtocol = "x-paxos-reads/1"

// The kinds of a stream of reads. Their numbers are none of the other stream's.
const (
	KindRead   Kind = 6 // of one key
	KindAnswer Kind = 7 // to a Read
)

// Freshness is how fresh the answer to a Read must be.
type Freshness byte

// The freshnesses. Their numbers are never used again for something else.
const (
	Linearizable Freshness = 0
	AfterSession Freshness = 1 // at least as fresh as what Seen says
	Stale        Freshness = 2
)

// Read asks for a key.
type Read struct {
	// ID names it in the answer; no other that is in flight has the same.
	ID uint64
	// Timeout is how long the learner shall wait, in whole microseconds.
	Timeout   time.Duration
	Freshness Freshness
	JSON      bool       // the answer shall be JSON; else it is the bare value
	Seen      paxos.Slot // of AfterSession; 0 for none
	Key       []byte     // not percent-encoded
}

const inJSON = 0x80 // beside the freshness

// AppendRead appends the frame of a Read.
func AppendRead(b []byte, r Read, key string) []byte {
	start := len(b)
	b = binary.AppendUvarint(begin(b, KindRead), r.ID)
	b = binary.AppendUvarint(b, uint64(r.Timeout/time.Microsecond))
	how := byte(r.Freshness)
	if r.JSON {
		how |= inJSON
	}
	b = binary.AppendUvarint(append(b, how), uint64(r.Seen))
	return end(append(b, key...), start)
}

// ReadRead reads what follows the kind. Key shares b's memory.
func ReadRead(b []byte) (q Read, err error) {
	r := reader{b: b}
	q.ID = r.uvarint("id")
	micros := r.uvarint("timeout")
	if micros > math.MaxInt64/1000 {
		r.fail("timeout")
	}
	q.Timeout = time.Duration(micros) * time.Microsecond
	how := r.byte("freshness")
	q.JSON, q.Freshness = how&inJSON != 0, Freshness(how&^inJSON)
	if q.Freshness > Stale {
		r.fail("freshness")
	}
	q.Seen = paxos.Slot(r.uvarint("seen"))
	q.Key = r.b
	return q, r.err
}

// Answer is the learner's, as it would be to a request: its status, its header
// lines, each with its end, and its body. Status 0 says that the learner gives no
// answer on a stream, and is to be asked by a request.
type Answer struct {
	ID         uint64
	Status     int
	Head, Body []byte
}

// AppendAnswer appends a frame.
func AppendAnswer(b []byte, a Answer) []byte {
	start := len(b)
	b = binary.AppendUvarint(begin(b, KindAnswer), a.ID)
	b = binary.AppendUvarint(b, uint64(a.Status))
	b = append(binary.AppendUvarint(b, uint64(len(a.Head))), a.Head...)
	return end(append(b, a.Body...), start)
}

// ReadAnswer reads what follows the kind. Head and Body share b's memory.
func ReadAnswer(b []byte) (a Answer, err error) {
	r := reader{b: b}
	a.ID = r.uvarint("id")
	status := r.uvarint("status")
	if status != 0 && (status < 200 || status > 599) {
		r.fail("status")
	}
	a.Status = int(status)
	a.Head = r.bytes("head")
	a.Body = r.b
	return a, r.err
}

func (r *reader) byte(what string) byte {
	if len(r.b) == 0 {
		r.fail(what)
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}
