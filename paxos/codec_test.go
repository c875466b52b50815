package paxos_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"paxos/paxos"
)

func TestEveryMessageComesBackFromItsBinaryForm(t *testing.T) {
	for _, like := range every {
		t.Run(like.Kind().String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				e := filledEnvelope(drawn{t}, like)
				got, err := paxos.DecodeEnvelope(paxos.AppendEnvelope(nil, e))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(e, got); diff != "" {
					t.Fatal(diff)
				}
			})
		})
	}
}

func TestEveryRecordComesBackFromItsBinaryForm(t *testing.T) {
	for _, like := range everyRecord {
		rapid.Check(t, func(t *rapid.T) {
			rec := filled(drawn{t}, like)
			got, err := paxos.DecodeRecord(rec.RecordKind(), paxos.AppendRecord(nil, rec))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(rec, got); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestEveryOutcomeComesBackFromItsBinaryForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := filled(drawn{t}, paxos.Outcome{})
		got, err := paxos.DecodeOutcome(paxos.AppendOutcome(nil, o))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(o, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestAppendingLeavesWhatWasThereBefore(t *testing.T) {
	for _, like := range every {
		e := filledEnvelope(newDice(int(like.Kind())), like)
		if got := paxos.AppendEnvelope([]byte("before"), e); !bytes.Equal(got, append([]byte("before"), paxos.AppendEnvelope(nil, e)...)) {
			t.Errorf("%v: appended to something it is another message", like.Kind())
		}
	}
}

func TestAMessageThatEndsEarlyOrLateIsRefused(t *testing.T) {
	for _, like := range every {
		whole := paxos.AppendEnvelope(nil, filledEnvelope(newDice(7), like))
		for n := range len(whole) {
			if _, err := paxos.DecodeEnvelope(whole[:n]); !errors.Is(err, paxos.ErrFormat) {
				t.Fatalf("%v cut to %d of %d bytes: %v", like.Kind(), n, len(whole), err)
			}
		}
		if _, err := paxos.DecodeEnvelope(append(whole, 0)); err == nil || !strings.Contains(err.Error(), "1 bytes too many") {
			t.Errorf("%v with a byte too many: %v", like.Kind(), err)
		}
	}
}

func TestARecordThatEndsEarlyOrLateIsRefused(t *testing.T) {
	for _, like := range everyRecord {
		whole := paxos.AppendRecord(nil, filled(newDice(7), like))
		for n := range len(whole) {
			if _, err := paxos.DecodeRecord(like.RecordKind(), whole[:n]); !errors.Is(err, paxos.ErrFormat) {
				t.Fatalf("kind %d cut to %d of %d bytes: %v", like.RecordKind(), n, len(whole), err)
			}
		}
		if _, err := paxos.DecodeRecord(like.RecordKind(), append(whole, 0)); !errors.Is(err, paxos.ErrFormat) {
			t.Errorf("kind %d with a byte too many: %v", like.RecordKind(), err)
		}
	}
}

func TestUnknownVersionsAndKindsAreRefusedAndNamed(t *testing.T) {
	good := paxos.AppendEnvelope(nil, paxos.Envelope{From: "a", To: "b", Message: paxos.Init{}})
	for _, c := range []struct {
		at   int
		to   byte
		want string
	}{
		{0, 1, "version 1, this node speaks 2"},
		{0, 3, "version 3, this node speaks 2"},
		{1, byte(paxos.KindLocal), "unknown kind of message 0"},
		{1, byte(paxos.KindSnapshotPart) + 1, "unknown kind of message 31"},
		{1, 255, "unknown kind of message 255"},
	} {
		bad := bytes.Clone(good)
		bad[c.at] = c.to
		if _, err := paxos.DecodeEnvelope(bad); !errors.Is(err, paxos.ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("byte %d = %d: %v, want %q", c.at, c.to, err, c.want)
		}
	}
	for _, kind := range []paxos.RecordKind{0, 6, 255} {
		if _, err := paxos.DecodeRecord(kind, nil); !errors.Is(err, paxos.ErrFormat) || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("record kind %d: %v", kind, err)
		}
	}
}

// An older version's floors do not say which record they are.
func TestARecordOfAnOlderVersionIsNotMisread(t *testing.T) {
	old := paxos.AppendRecord(nil, paxos.FloorRecord{Floor: 7, Time: 9, Promise: paxos.Ballot{Number: 1, Proposer: "p1"}})
	for _, b := range [][]byte{old, old[:len(old)-1]} {
		if _, err := paxos.DecodeRecord(3, b); !errors.Is(err, paxos.ErrFormat) || !strings.Contains(err.Error(), "older version") {
			t.Errorf("%x: %v", b, err)
		}
	}
}

// binaryOf gives a message of one kind whose content is written by hand.
func binaryOf(kind paxos.Kind, content ...byte) []byte {
	b := paxos.AppendEnvelope(nil, paxos.Envelope{From: "a", To: "b", Message: paxos.Init{}})
	b[1] = byte(kind)
	return append(b, content...)
}

func TestOnlyTheOneSpellingOfAValueIsTaken(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
	}{
		{"a varint with a needless zero", binaryOf(paxos.KindHighest, 0x81, 0x00)},
		{"a varint above 64 bits", binaryOf(paxos.KindHighest, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02)},
		{"a truth of 2", binaryOf(paxos.KindVoted, append(make([]byte, 19), 1, 1, 2, 0, 0)...)},
		{"a progress nobody knows", binaryOf(paxos.KindInitialised, append([]byte{4}, make([]byte, 18)...)...)},
		{"a text that is no UTF-8", binaryOf(paxos.KindInitialised, append(make([]byte, 18), 1, 0xff)...)},
		{"a node id with a blank", binaryOf(paxos.KindInitialised, append(make([]byte, 17), 1, 3, 'a', ' ', 'b', 0)...)},
		{"more things than bytes", binaryOf(paxos.KindProposed, 1)},
	} {
		if _, err := paxos.DecodeEnvelope(c.b); !errors.Is(err, paxos.ErrFormat) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestAKeyAboveTheLimitIsRefused(t *testing.T) {
	for n, want := range map[int]bool{paxos.MaxKeyBytes: true, paxos.MaxKeyBytes + 1: false} {
		m := paxos.Propose{Commands: []paxos.Command{{Key: strings.Repeat("k", n)}}}
		_, err := paxos.DecodeEnvelope(paxos.AppendEnvelope(nil, paxos.Envelope{Message: m}))
		if (err == nil) != want {
			t.Errorf("a key of %d bytes: %v", n, err)
		}
	}
}

// allocated gives the bytes that f allocates, give or take the runtime's own.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Every count in every message is replaced by a huge one, with nothing behind.
func TestASmallMessageAllocatesLittle(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	for _, like := range every {
		whole := paxos.AppendEnvelope(nil, filledEnvelope(newDice(int(like.Kind())+100), like))
		for n := 2; n <= len(whole); n++ {
			bad := append(bytes.Clone(whole[:n]), huge...)
			if got := allocated(func() { paxos.DecodeEnvelope(bad) }); got > 64<<10+64*uint64(len(bad)) {
				t.Fatalf("%v: %d bytes made the reader allocate %d", like.Kind(), len(bad), got)
			}
		}
	}
}

func TestALongMessageAllocatesAFewTimesItsLength(t *testing.T) {
	for _, kind := range []paxos.Kind{paxos.KindAccepted, paxos.KindAccept, paxos.KindForm, paxos.KindPropose, paxos.KindNotify} {
		for skip := range 64 {
			b := append(binaryOf(kind, make([]byte, skip)...), 0x80, 0x80, 0x04) // 65536 of something
			b = append(b, make([]byte, 1<<20)...)
			if got := allocated(func() { paxos.DecodeEnvelope(b) }); got > 64*uint64(len(b)) {
				t.Fatalf("%v: %d bytes made the reader allocate %d", kind, len(b), got)
			}
		}
	}
}

func TestLocalMessagesStayInTheirNode(t *testing.T) {
	for _, m := range []paxos.Message{paxos.Directory{}, paxos.Submit{}, paxos.Settled{}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v has a binary form", reflect.TypeOf(m))
				}
			}()
			paxos.AppendEnvelope(nil, paxos.Envelope{Message: m})
		}()
	}
}

func bigAccept() paxos.Envelope {
	m := paxos.Accept{Ballot: paxos.Ballot{Number: 7, Proposer: "proposer1", Start: 1 << 60}, Chosen: 1_000_000}
	v := paxos.Value{Time: 123456789}
	for i := range 32 {
		v.Commands = append(v.Commands, paxos.Command{Session: 1 << 61, Sequence: paxos.Sequence(i + 5000), Confirmed: 4999,
			Admitted: 999_990, Client: "client1", Key: "order-000000000001", Body: bytes.Repeat([]byte("v"), 128)})
	}
	m.Proposals = []paxos.Proposal{{Slot: 1_000_001, Value: v}}
	return paxos.Envelope{From: "proposer1", To: "acceptor2", Cluster: paxos.ClusterID{1}, Config: paxos.Stamp{Acceptors: 9}, Message: m}
}

func BenchmarkEncodeAcceptOf32(b *testing.B) {
	e := bigAccept()
	buf := paxos.AppendEnvelope(nil, e)
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		buf = paxos.AppendEnvelope(buf[:0], e)
	}
}

func BenchmarkDecodeAcceptOf32(b *testing.B) {
	buf := paxos.AppendEnvelope(nil, bigAccept())
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		if _, err := paxos.DecodeEnvelope(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDigestOf32(b *testing.B) {
	v := bigAccept().Message.(paxos.Accept).Proposals[0].Value
	b.ReportAllocs()
	for b.Loop() {
		v.Digest()
	}
}

func TestADigestIsThatOfTheWholeBinaryForm(t *testing.T) {
	for size := 0; size < 5000; size += 37 {
		v := paxos.Value{Time: 1 << 40}
		for i := range 7 {
			v.Commands = append(v.Commands, paxos.Command{Session: 9, Sequence: paxos.Sequence(i), Client: "client1", Key: "k", Body: make([]byte, size*i/6)})
		}
		// An AcceptedRecord is a ballot, a watermark, one proposal with its slot, and the value to its end.
		form := paxos.AppendRecord(nil, paxos.AcceptedRecord{Proposals: []paxos.Proposal{{Slot: 1, Value: v}}})
		head := len(paxos.AppendRecord(nil, paxos.AcceptedRecord{})) + 1
		if want := paxos.Digest(sha256.Sum256(form[head:])); v.Digest() != want {
			t.Fatalf("bodies up to %d bytes: %v, and the form's is %v", size, v.Digest(), want)
		}
	}
	v := paxos.Value{Commands: make([]paxos.Command, 1000)}
	if n := testing.AllocsPerRun(10, func() { v.Digest() }); n > 3 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDigest(b *testing.B) {
	v := paxos.Value{Commands: make([]paxos.Command, 64)}
	for i := range v.Commands {
		v.Commands[i] = paxos.Command{Session: 1, Sequence: 1 << 20, Client: "client1", Body: make([]byte, 320)}
	}
	b.SetBytes(int64(v.Size()))
	b.ReportAllocs()
	for b.Loop() {
		v.Digest()
	}
}

func TestAMessageOfManyCommandsIsDecodedInAFewAllocations(t *testing.T) {
	v := paxos.Value{Commands: make([]paxos.Command, 200)}
	for i := range v.Commands {
		v.Commands[i] = paxos.Command{Session: 1, Sequence: 1 << 20, Client: []paxos.NodeID{"client1", "client2"}[i%2], Body: make([]byte, 320)}
	}
	e := paxos.Envelope{From: "proposer1", To: "acceptor1", Message: paxos.Accept{Ballot: paxos.Ballot{Number: 1, Proposer: "proposer1"}, Proposals: []paxos.Proposal{{Slot: 1, Value: v}}}}
	b := paxos.AppendEnvelope(nil, e)
	if n := testing.AllocsPerRun(10, func() {
		if _, err := paxos.DecodeEnvelope(b); err != nil {
			t.Fatal(err)
		}
	}); n > 10 {
		t.Errorf("%v allocations", n)
	}
}
