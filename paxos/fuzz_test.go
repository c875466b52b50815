package paxos_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paxos/paxos"
)

// FuzzDecodeEnvelope: what the binary reader takes, it gives back byte for
// byte, and the JSON form carries it too.
func FuzzDecodeEnvelope(f *testing.F) {
	for _, like := range every {
		for seed := range 2 {
			f.Add(paxos.AppendEnvelope(nil, filledEnvelope(newDice(int(like.Kind())*10+seed), like)))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := paxos.DecodeEnvelope(b)
		if err != nil {
			if !errors.Is(err, paxos.ErrFormat) {
				t.Fatalf("an error that is no ErrFormat: %v", err)
			}
			return
		}
		if again := paxos.AppendEnvelope(nil, e); !bytes.Equal(b, again) {
			t.Fatalf("read  %x\nwrote %x", b, again)
		}
		text, err := paxos.EncodeJSON(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := paxos.DecodeJSON(e.Message.Kind(), text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Fatalf("%s\n%s", diff, text)
		}
	})
}

// FuzzDecodeRecord: what is read from a disk is what would be written.
func FuzzDecodeRecord(f *testing.F) {
	for _, like := range everyRecord {
		for seed := range 3 {
			f.Add(byte(like.RecordKind()), paxos.AppendRecord(nil, filled(newDice(seed), like)))
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		rec, err := paxos.DecodeRecord(paxos.RecordKind(kind), b)
		if err != nil {
			if !errors.Is(err, paxos.ErrFormat) {
				t.Fatalf("an error that is no ErrFormat: %v", err)
			}
			return
		}
		if rec.RecordKind() != paxos.RecordKind(kind) {
			t.Fatalf("kind %d was read as %d", kind, rec.RecordKind())
		}
		if again := paxos.AppendRecord(nil, rec); !bytes.Equal(b, again) {
			t.Fatalf("read  %x\nwrote %x", b, again)
		}
	})
}

// FuzzDecodeOutcome: outcomes also lie in results, byte for byte.
func FuzzDecodeOutcome(f *testing.F) {
	for seed := range 4 {
		f.Add(paxos.AppendOutcome(nil, filled(newDice(seed), paxos.Outcome{})))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := paxos.DecodeOutcome(b)
		if err != nil {
			return
		}
		if again := paxos.AppendOutcome(nil, o); !bytes.Equal(b, again) {
			t.Fatalf("read  %x\nwrote %x", b, again)
		}
	})
}

// FuzzDecodeJSON: what a person may send is refused with a sentence, or has
// one meaning, which both forms carry.
func FuzzDecodeJSON(f *testing.F) {
	for _, like := range every {
		text, err := paxos.EncodeJSON(filledEnvelope(newDice(int(like.Kind())), like))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(like.Kind()), text)
	}
	for _, text := range []string{``, `null`, `{}`, `{"first":-1}`, `{"First":"1","first":"2"}`, `{"first":18446744073709551616}`,
		`{"ballot":[]}`, `{"from":"\ud800"}`, "{\"from\":\"\xff\"}", `{}{}`} {
		f.Add(byte(paxos.KindPrepare), []byte(text))
	}
	f.Fuzz(func(t *testing.T, kind byte, text []byte) {
		k := every[int(kind)%len(every)].Kind()
		e, err := paxos.DecodeJSON(k, text)
		if err != nil {
			if speaksGo(err.Error()) {
				t.Fatalf("no sentence for a person: %v", err)
			}
			return
		}
		again, err := paxos.EncodeJSON(e)
		if err != nil {
			t.Fatal(err)
		}
		for name, read := range map[string]func() (paxos.Envelope, error){
			"JSON":   func() (paxos.Envelope, error) { return paxos.DecodeJSON(k, again) },
			"binary": func() (paxos.Envelope, error) { return paxos.DecodeEnvelope(paxos.AppendEnvelope(nil, e)) },
		} {
			got, err := read()
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, again)
			}
			if diff := cmp.Diff(e, got); diff != "" {
				t.Fatalf("%s: %s\n%s", name, diff, again)
			}
		}
	})
}
