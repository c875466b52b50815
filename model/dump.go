package model

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"paxos/proposer"
)

// projected are the fields of rooms that two equal rooms may differ in, with
// the reason why no step of this package depends on them. Every other field, one
// added tomorrow too, is compared.
var projected = map[string]string{
	"acceptor.Acceptor.cfg":      "told at the start; what differs by start is compared beside the room",
	"acceptor.Acceptor.identity": "never changes once the disk is a member's",
	"acceptor.Acceptor.silent":   "a campaign lets an election timeout pass before it asks",
	"acceptor.Acceptor.led":      "a hint, said only in surveys, and used only to name a leader to clients",
	"acceptor.Acceptor.gone":     "a hint, said only in surveys; nobody is told here that a port is closed",
	"acceptor.Acceptor.asked":    "who surveyed, told of that hint",
	"acceptor.Acceptor.init":     "ticks of a cluster's making, which is over",

	"proposer.Proposer.cfg":           "told at the start; the start itself is compared beside the room",
	"proposer.Proposer.dice":          "throws only how long a campaign waits",
	"proposer.Proposer.tick":          "the clock that all waiting is counted by",
	"proposer.Proposer.question":      "numbers surveys, which are asked and answered within one step",
	"proposer.Proposer.surveys":       "a campaign stands on answers to a new question; what older ones said is in seen and chosen",
	"proposer.Proposer.words":         "for people, no rule depends on it",
	"proposer.Proposer.since":         "a tick",
	"proposer.Proposer.failures":      "how long a campaign waits",
	"proposer.Proposer.calm":          "ticks",
	"proposer.Proposer.wait":          "ticks",
	"proposer.Proposer.asked":         "a survey's number",
	"proposer.Proposer.lastAnswering": "a hint to clients",
	"proposer.Proposer.heard":         "ticks: a leader that hears nobody steps down within its next campaign",
	"proposer.Proposer.full":          "no disk is full here",
	"proposer.Proposer.beats":         "numbers heartbeats, and no rule reads the number",
	"proposer.Proposer.finishAgain":   "a tick: who asks to finish lets that time pass first",
	"proposer.Proposer.timeTick":      "log time stands still here (TickMillis is 0)",
	"proposer.collection.since":       "a tick",
	"proposer.collection.sent":        "a tick",
	"proposer.flying.sent":            "a tick: nothing is sent again by itself here, everything said may arrive again",

	"learner.Learner.cfg":       "told at the start",
	"learner.Learner.tick":      "a clock",
	"learner.Learner.stalled":   "ticks",
	"learner.Learner.askings":   "catch-up is asked for by ticks, of which the learner gets none here",
	"learner.Learner.answered":  "the same",
	"learner.Learner.pulls":     "the same",
	"learner.Learner.peer":      "the same",
	"learner.Learner.peers":     "nobody is told",
	"learner.Learner.reads":     "nobody reads",
	"learner.Learner.chores":    "nobody has leases",
	"learner.Learner.snapshots": "it keeps none",
}

// whileLeading are fields of a proposer that mean something only while it leads.
var whileLeading = map[string]string{
	"proposer.Proposer.led":  "drawn anew by lead, and read by leaders only",
	"proposer.Proposer.next": "the same",
}

// withoutLives are left out when what nodes say of their disk's past is not
// carried (Options.Lives): nothing else reads it.
var withoutLives = map[string]string{
	"acceptor.Acceptor.position": "said only in the lives of messages",
	"acceptor.Acceptor.began":    "the same",
}

// dumper writes rooms down so that equal ones give equal bytes.
type dumper struct {
	lives bool
	plans sync.Map // reflect.Type to []planned
}

type planned struct {
	index   int
	leading bool // only if the room leads
}

func (d *dumper) plan(t reflect.Type) []planned {
	if p, ok := d.plans.Load(t); ok {
		return p.([]planned)
	}
	var list []planned
	for i := range t.NumField() {
		name := t.String() + "." + t.Field(i).Name
		_, leading := whileLeading[name]
		if _, left := withoutLives[name]; projected[name] == "" && !(left && !d.lives) {
			list = append(list, planned{i, leading})
		}
	}
	d.plans.Store(t, list)
	return list
}

func number(b []byte, n uint64) []byte {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

func mark(b []byte, yes bool) []byte {
	if yes {
		return append(b, 1)
	}
	return append(b, 0)
}

// dump appends the canonical form of v, unexported fields included.
func (d *dumper) dump(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		return mark(b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return number(b, uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return number(b, v.Uint())
	case reflect.String:
		return append(number(b, uint64(v.Len())), v.String()...)
	case reflect.Slice, reflect.Array:
		b = number(b, uint64(v.Len()))
		for i := range v.Len() {
			b = d.dump(b, v.Index(i))
		}
		return b
	case reflect.Map:
		return d.dumpMap(b, v)
	case reflect.Pointer:
		if b = mark(b, !v.IsNil()); v.IsNil() {
			return b
		}
		return d.dump(b, v.Elem())
	case reflect.Interface:
		if b = mark(b, !v.IsNil()); v.IsNil() {
			return b
		}
		return d.dump(append(b, v.Elem().Type().String()...), v.Elem())
	case reflect.Struct:
		return d.dumpStruct(b, v)
	default:
		panic(fmt.Sprintf("model: a room has a field of type %v: two of them cannot be compared", v.Type()))
	}
}

func (d *dumper) dumpMap(b []byte, v reflect.Value) []byte {
	entries := make([][]byte, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		entries = append(entries, d.dump(d.dump(nil, it.Key()), it.Value()))
	}
	slices.SortFunc(entries, bytes.Compare)
	b = number(b, uint64(len(entries)))
	for _, e := range entries {
		b = append(b, e...)
	}
	return b
}

func (d *dumper) dumpStruct(b []byte, v reflect.Value) []byte {
	for _, f := range d.plan(v.Type()) {
		if !f.leading || v.FieldByName("phase").Uint() == uint64(proposer.Leading) {
			b = d.dump(b, v.Field(f.index))
		}
	}
	return b
}
