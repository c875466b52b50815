package wire_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"paxos/client/wire"
	"paxos/paxos"
)

func TestReadsComeAsTheyWent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := wire.Read{ID: rapid.Uint64().Draw(t, "id"), Timeout: time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "µs")) * time.Microsecond,
			Freshness: wire.Freshness(rapid.IntRange(0, 2).Draw(t, "freshness")), JSON: rapid.Bool().Draw(t, "json"), Seen: paxos.Slot(rapid.Uint64().Draw(t, "seen"))}
		want.Key = []byte(rapid.String().Draw(t, "key"))
		kind, content := only(t, wire.AppendRead(nil, want, string(want.Key)))
		got, err := wire.ReadRead(content)
		if err != nil || kind != wire.KindRead || !bytes.Equal(got.Key, want.Key) {
			t.Fatalf("kind %d, %+v, %v", kind, got, err)
		}
		got.Key, want.Key = nil, nil
		if got.ID != want.ID || got.Timeout != want.Timeout || got.Freshness != want.Freshness || got.JSON != want.JSON || got.Seen != want.Seen {
			t.Fatalf("%+v is %+v", want, got)
		}
	})
}

func TestAnswersComeAsTheyWent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := wire.Answer{ID: rapid.Uint64().Draw(t, "id"), Status: rapid.SampledFrom([]int{0, 200, 404, 503, 599}).Draw(t, "status"),
			Head: rapid.SliceOf(rapid.Byte()).Draw(t, "head"), Body: rapid.SliceOf(rapid.Byte()).Draw(t, "body")}
		kind, content := only(t, wire.AppendAnswer(nil, want))
		got, err := wire.ReadAnswer(content)
		if err != nil || kind != wire.KindAnswer || got.ID != want.ID || got.Status != want.Status || !bytes.Equal(got.Head, want.Head) || !bytes.Equal(got.Body, want.Body) {
			t.Fatalf("%+v is %+v, %v", want, got, err)
		}
	})
}

// only is the one frame that is there.
func only(t *rapid.T, b []byte) (wire.Kind, []byte) {
	kind, content, err := wire.NewFrames(bytes.NewReader(b)).Next()
	if err != nil {
		t.Fatal(err)
	}
	return kind, content
}

func TestWhatIsNoReadIsRefused(t *testing.T) {
	whole := wire.AppendRead(nil, wire.Read{ID: 1, Timeout: time.Second, Freshness: wire.Stale}, "")[5:]
	for cut := range whole {
		if _, err := wire.ReadRead(whole[:cut]); !errors.Is(err, wire.ErrFrame) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	answer := wire.AppendAnswer(nil, wire.Answer{ID: 1, Status: 200, Head: []byte("h")})[5:]
	for cut := range answer {
		if _, err := wire.ReadAnswer(answer[:cut]); !errors.Is(err, wire.ErrFrame) {
			t.Errorf("an answer cut at %d: %v", cut, err)
		}
	}
	for name, content := range map[string][]byte{"a freshness of tomorrow": {1, 1, 3, 0}, "a number in another form": {0x81, 0, 1, 0, 0}, "too long a timeout": {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0}} {
		if _, err := wire.ReadRead(content); !errors.Is(err, wire.ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, status := range []int{1, 199, 600, 1 << 30} {
		if _, err := wire.ReadAnswer(wire.AppendAnswer(nil, wire.Answer{ID: 1, Status: status})[5:]); !errors.Is(err, wire.ErrFrame) {
			t.Errorf("status %d: %v", status, err)
		}
	}
}
