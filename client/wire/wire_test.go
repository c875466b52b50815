package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"paxos/client/wire"
	"paxos/kv"
	"paxos/paxos"
)

// conversation is a few frames, and what they say, in order.
func conversation(t *rapid.T) (all []byte, frames [][]byte) {
	for range rapid.IntRange(0, 20).Draw(t, "frames") {
		start := len(all)
		id := rapid.Uint64().Draw(t, "id")
		some := func(what string) []byte {
			return rapid.SliceOfN(rapid.Byte(), 0, 1<<rapid.IntRange(0, 18).Draw(t, "size")).Draw(t, what)
		}
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			all = wire.AppendBeat(all)
		case 1:
			all = wire.AppendWrite(all, id, time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "µs"))*time.Microsecond, rapid.String().Draw(t, "key"), some("body"))
		case 2:
			all = wire.AppendApplied(all, wire.Applied{ID: id, Slot: paxos.Slot(rapid.Uint64().Draw(t, "slot")), Position: rapid.Uint32().Draw(t, "position"),
				Name: paxos.CommandName{Session: paxos.SessionID(rapid.Uint64().Draw(t, "session")), Sequence: 3}, Result: some("result")})
		case 3:
			all = wire.AppendRefused(all, id, some("problem"))
		case 4:
			all = wire.AppendWords(all, wire.KindLeaving, rapid.String().Draw(t, "words"))
		}
		frames = append(frames, all[start:])
	}
	return all, frames
}

// TestFramesComeAsTheyWentHoweverTheyAreCut: in whatever pieces their bytes
// arrive; and those of kept frames stay as they are.
func TestFramesComeAsTheyWentHoweverTheyAreCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, frames := conversation(t)
		var from io.Reader = bytes.NewReader(all)
		switch rapid.IntRange(0, 2).Draw(t, "pieces") {
		case 0:
			from = iotest.HalfReader(from)
		case 1:
			from = iotest.DataErrReader(from)
		}
		make, kept := wire.NewFrames, rapid.Bool().Draw(t, "kept")
		if kept {
			make = wire.NewKeptFrames
		}
		f := make(from)
		var seen [][]byte
		for i := range frames {
			kind, content, err := f.Next()
			if err != nil || !bytes.Equal(again(t, kind, content), frames[i]) {
				t.Fatalf("frame %d of %d: kind %d, %v", i, len(frames), kind, err)
			}
			seen = append(seen, content)
		}
		if _, _, err := f.Next(); err != io.EOF {
			t.Fatalf("at the end: %v", err)
		}
		for i, content := range seen {
			if kept && len(content) > 0 && !bytes.Equal(content, frames[i][5:]) {
				t.Fatalf("frame %d was overwritten", i)
			}
		}
	})
}

func TestKeptFramesStayWhenMuchFollows(t *testing.T) {
	var all []byte
	for i := range 300 {
		all = wire.AppendRefused(all, uint64(i), bytes.Repeat([]byte{byte(i)}, 1000))
	}
	var seen [][]byte
	for f := wire.NewKeptFrames(bytes.NewReader(all)); len(seen) < 300; {
		_, content, err := f.Next()
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, content)
	}
	for i, content := range seen {
		if id, problem, err := wire.ReadRefused(content); err != nil || id != uint64(i) || problem[0] != byte(i) || problem[999] != byte(i) {
			t.Fatalf("frame %d is %d now, %v", i, id, err)
		}
	}
}

// again writes what was read.
func again(t *rapid.T, kind wire.Kind, content []byte) []byte {
	switch kind {
	case 0:
		return wire.AppendBeat(nil)
	case wire.KindWrite:
		w, err := wire.ReadWrite(content)
		if err != nil {
			t.Fatal(err)
		}
		return wire.AppendWrite(nil, w.ID, w.Timeout, string(w.Key), w.Body)
	case wire.KindApplied:
		a, err := wire.ReadApplied(content)
		if err != nil {
			t.Fatal(err)
		}
		return wire.AppendApplied(nil, a)
	case wire.KindRefused:
		id, problem, err := wire.ReadRefused(content)
		if err != nil {
			t.Fatal(err)
		}
		return wire.AppendRefused(nil, id, problem)
	}
	return wire.AppendWords(nil, kind, string(content))
}

func TestAFrameThatIsCutOffIsNoEnd(t *testing.T) {
	whole := wire.AppendWrite(nil, 7, time.Second, "key", []byte("body"))
	for cut := range whole {
		_, _, err := wire.NewFrames(bytes.NewReader(whole[:cut])).Next()
		if want := map[bool]error{true: io.EOF, false: io.ErrUnexpectedEOF}[cut == 0]; err != want {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	for cut := range len(whole) - 9 { // what is left of the body is a body
		if _, err := wire.ReadWrite(whole[5 : 5+cut]); !errors.Is(err, wire.ErrFrame) {
			t.Errorf("content cut at %d: %v", cut, err)
		}
	}
}

// TestALengthIsNotBelieved: who says that much follows makes nobody set room
// aside for it.
func TestALengthIsNotBelieved(t *testing.T) {
	said := append([]byte{0, 0x7f, 0xff, 0xff, 1, 1}, make([]byte, 100<<10)...)
	bytesOf := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := wire.NewFrames(bytes.NewReader(said)).Next(); err != io.ErrUnexpectedEOF {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if bytesOf > 1<<20 {
		t.Errorf("%d bytes are set aside", bytesOf)
	}
}

// TestTheFrameInTheDocsIsAPut: of id 1, without key or conditions.
func TestTheFrameInTheDocsIsAPut(t *testing.T) {
	docs, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	body := kv.Encode(kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "k", Value: "v"}}}})
	frame := fmt.Sprintf("%x", wire.AppendWrite(nil, 1, 0, "", body))
	for line := range strings.Lines(string(docs)) {
		if strings.ReplaceAll(strings.TrimSpace(line), " ", "") == frame {
			return
		}
	}
	t.Errorf("docs/api.md does not show %s", frame)
}

func FuzzWire(f *testing.F) {
	f.Add(wire.AppendWrite(wire.AppendBeat(nil), 7, time.Second, "key", []byte("body")))
	f.Add(wire.AppendApplied(nil, wire.Applied{ID: 1 << 40, Slot: 9, Position: 2, Result: []byte{1, 2}}))
	f.Add(wire.AppendRefused(nil, 3, []byte("{}")))
	f.Add(wire.AppendWords(nil, wire.KindFault, "because"))
	f.Add(wire.AppendRead(nil, wire.Read{ID: 5, Timeout: time.Second, Freshness: wire.AfterSession, JSON: true, Seen: 1 << 33}, "key"))
	f.Add(wire.AppendAnswer(nil, wire.Answer{ID: 5, Status: 200, Head: []byte("Vary: Accept\r\n"), Body: []byte("value")}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		frames := wire.NewFrames(bytes.NewReader(b))
		for at := 0; ; {
			kind, content, err := frames.Next()
			if err != nil {
				if err != io.EOF && err != io.ErrUnexpectedEOF && !errors.Is(err, wire.ErrFrame) {
					t.Fatal(err)
				}
				return
			}
			size := 4
			if kind != 0 {
				size += 1 + len(content)
			}
			checkForm(t, kind, content, b[at:at+size])
			at += size
		}
	})
}

// checkForm demands that what is taken is written again byte for byte: there is
// one form.
func checkForm(t *testing.T, kind wire.Kind, content, frame []byte) {
	var again []byte
	switch kind {
	case wire.KindWrite:
		w, err := wire.ReadWrite(content)
		if err != nil {
			return
		}
		again = wire.AppendWrite(nil, w.ID, w.Timeout, string(w.Key), w.Body)
	case wire.KindApplied:
		a, err := wire.ReadApplied(content)
		if err != nil {
			return
		}
		again = wire.AppendApplied(nil, a)
	case wire.KindRefused:
		id, problem, err := wire.ReadRefused(content)
		if err != nil {
			return
		}
		again = wire.AppendRefused(nil, id, problem)
	case wire.KindRead:
		r, err := wire.ReadRead(content)
		if err != nil {
			return
		}
		again = wire.AppendRead(nil, r, string(r.Key))
	case wire.KindAnswer:
		a, err := wire.ReadAnswer(content)
		if err != nil {
			return
		}
		again = wire.AppendAnswer(nil, a)
	default:
		return
	}
	if !bytes.Equal(again, frame) {
		t.Fatalf("%x is %x again", frame, again)
	}
}
