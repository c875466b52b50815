package paxos_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"paxos/paxos"
)

// every is one message of each kind that travels.
var every = []paxos.Message{
	paxos.Survey{}, paxos.Surveyed{}, paxos.Prepare{}, paxos.Promise{}, paxos.Accept{}, paxos.Accepted{}, paxos.Nack{},
	paxos.Heartbeat{}, paxos.Heard{}, paxos.Highest{}, paxos.HighestIs{}, paxos.Learn{}, paxos.CatchUp{}, paxos.Chosen{},
	paxos.Voted{}, paxos.Finish{}, paxos.Propose{}, paxos.Proposed{}, paxos.Refused{}, paxos.Notify{}, paxos.Handover{},
	paxos.Init{}, paxos.Initialised{}, paxos.Form{}, paxos.Formed{}, paxos.Enroll{}, paxos.Kept{},
	paxos.StateIs{}, paxos.SnapshotAsk{}, paxos.SnapshotPart{},
}

// everyRecord is one record of each kind.
var everyRecord = []paxos.Record{paxos.PromisedRecord{}, paxos.AcceptedRecord{}, paxos.FloorRecord{}, paxos.IdentityRecord{}}

// luck is what fills values: paxos.Dice for seeds that stay the same, rapid
// for those that shrink.
type luck interface{ Below(n int) int }

type drawn struct{ t *rapid.T }

func (d drawn) Below(n int) int { return rapid.IntRange(0, n-1).Draw(d.t, "n") }

func newDice(seed int) *paxos.Dice {
	d := paxos.Dice(seed)
	return &d
}

// words is how many words each enumeration has.
var words = map[reflect.Type]int{
	reflect.TypeFor[paxos.Standing](): 4, reflect.TypeFor[paxos.Reason](): 15,
	reflect.TypeFor[paxos.Verdict](): 6, reflect.TypeFor[paxos.Progress](): 4,
}

var (
	texts = []string{"", "a", "<&>", "ção 中 \u2028", "\x00\"\\\n", "\U0001f600", strings.Repeat("k", 256)}
	ids   = []paxos.NodeID{"", "a", "acceptor1", "P-9", paxos.NodeID(strings.Repeat("z", 63))}
	ints  = []uint64{0, 1, 127, 128, 1<<32 - 1, 1 << 32, 1<<53 + 1, 1<<63 - 1, 1 << 63, 1<<64 - 1}
)

// fill puts luck into every field of v, as far as the wire can carry it: lists
// are nil when they are empty, ids and texts are well formed.
func fill(l luck, v reflect.Value) {
	if n, ok := words[v.Type()]; ok {
		v.SetUint(uint64(l.Below(n)))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(l.Below(2) == 1)
	case reflect.Uint8:
		v.SetUint(uint64(l.Below(256)))
	case reflect.Uint32:
		v.SetUint(uint64(uint32(ints[l.Below(len(ints))])))
	case reflect.Uint64:
		v.SetUint(ints[l.Below(len(ints))])
	case reflect.String:
		if v.Type() == reflect.TypeFor[paxos.NodeID]() {
			v.SetString(string(ids[l.Below(len(ids))]))
		} else {
			v.SetString(texts[l.Below(len(texts))])
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(l, v.Index(i))
		}
	case reflect.Slice:
		if n := l.Below(4); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(l, v.Index(i))
			}
		}
	case reflect.Pointer:
		if l.Below(2) == 1 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(l, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(l, v.Field(i))
		}
	default:
		panic(fmt.Sprintf("nothing to fill a %v with", v.Type()))
	}
}

func filled[T any](l luck, like T) T {
	v := reflect.New(reflect.TypeOf(like))
	fill(l, v.Elem())
	return v.Elem().Interface().(T)
}

func filledEnvelope(l luck, like paxos.Message) paxos.Envelope {
	e := paxos.Envelope{Message: filled(l, like)}
	fill(l, reflect.ValueOf(&e.From).Elem())
	fill(l, reflect.ValueOf(&e.To).Elem())
	fill(l, reflect.ValueOf(&e.Cluster).Elem())
	fill(l, reflect.ValueOf(&e.Config).Elem())
	return e
}

func TestTheListOfMessagesIsComplete(t *testing.T) {
	seen := map[paxos.Kind]bool{}
	for _, m := range every {
		seen[m.Kind()] = true
	}
	known := 0
	for k := paxos.KindLocal + 1; !strings.HasPrefix(k.String(), "unknown"); k++ {
		known++
		if !seen[k] {
			t.Errorf("no message of kind %v is tested", k)
		}
	}
	if known != len(every) {
		t.Errorf("%d kinds have a word, %d messages are tested", known, len(every))
	}
}

func TestTheEnumerationsHaveAsManyWordsAsTheTestsSay(t *testing.T) {
	for typ, n := range words {
		for i := range n + 1 {
			v := reflect.New(typ).Elem()
			v.SetUint(uint64(i))
			unknown := strings.HasPrefix(v.Interface().(fmt.Stringer).String(), "unknown")
			if unknown != (i == n) {
				t.Errorf("%v(%d): unknown=%v", typ, i, unknown)
			}
		}
	}
}
