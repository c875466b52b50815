package paxos_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"paxos/paxos"
)

// life is one that had so many records when it began, and has so many now.
func life(starts paxos.Number, run paxos.StartID, began, position paxos.Number) paxos.Life {
	return paxos.Life{Starts: starts, Run: run, Began: began, Position: position}
}

func TestWhatOneDiskSaysIsHeardWhateverTheOrder(t *testing.T) {
	for name, c := range map[string]struct {
		words []paxos.Life
		count []bool
	}{
		"records follow records":     {[]paxos.Life{life(1, 7, 0, 0), life(1, 7, 0, 5), life(1, 7, 0, 9)}, []bool{true, true, true}},
		"a start follows":            {[]paxos.Life{life(1, 7, 0, 5), life(2, 8, 5, 5), life(2, 8, 5, 6)}, []bool{true, true, true}},
		"a start that wrote more":    {[]paxos.Life{life(1, 7, 0, 5), life(2, 8, 6, 6)}, []bool{true, true}},
		"starts that said nothing":   {[]paxos.Life{life(1, 7, 0, 5), life(9, 8, 5, 5)}, []bool{true, true}},
		"overtaken within a start":   {[]paxos.Life{life(1, 7, 0, 5), life(1, 7, 0, 3), life(1, 7, 0, 5), life(2, 8, 5, 5)}, []bool{true, true, true, true}},
		"late, of an ended process":  {[]paxos.Life{life(2, 8, 5, 9), life(1, 7, 0, 5), life(2, 8, 5, 7)}, []bool{true, false, true}},
		"late, of long ago":          {[]paxos.Life{life(4, 8, 5, 9), life(2, 6, 1, 5), life(1, 7, 0, 1), life(4, 8, 5, 9)}, []bool{true, false, false, true}},
		"nobody has a start of zero": {[]paxos.Life{{}, life(0, 7, 0, 99), life(1, 7, 0, 0)}, []bool{false, false, true}},
	} {
		var l paxos.Lives
		for i, w := range c.words {
			if got := l.Hear("a1", 11, w); got != c.count[i] {
				t.Errorf("%s: word %d counts: %v", name, i+1, got)
			}
		}
		if why := l.Why("a1", 11); why != "" {
			t.Errorf("%s: refused: %s", name, why)
		}
	}
}

func TestADiskThatContradictsItselfIsRefusedForGood(t *testing.T) {
	for name, c := range map[string]struct {
		before []paxos.Life
		word   paxos.Life
		want   string
	}{
		"one state was started twice":           {[]paxos.Life{life(3, 7, 5, 5)}, life(3, 8, 5, 5), "start 3 is both run 0000000000000007 and run 0000000000000008"},
		"an old image was put back":             {[]paxos.Life{life(3, 7, 5, 9)}, life(4, 8, 8, 8), "it had 9 records before, and 8 when start 4 began"},
		"and has written as much since":         {[]paxos.Life{life(3, 7, 5, 9)}, life(4, 8, 8, 20), "it had 9 records before, and 8 when start 4 began"},
		"what was overtaken does not hide it":   {[]paxos.Life{life(3, 7, 5, 9), life(3, 7, 5, 6)}, life(4, 8, 8, 8), "it had 9 records before"},
		"nor a start that followed":             {[]paxos.Life{life(3, 7, 5, 9), life(4, 8, 9, 9)}, life(5, 9, 8, 8), "it had 9 records before"},
		"a copy was started, the first goes on": {[]paxos.Life{life(4, 8, 9, 9)}, life(3, 7, 5, 10), "start 3 has 10 records, and start 4 began with 9"},
		"the copy has written more":             {[]paxos.Life{life(4, 8, 9, 30)}, life(3, 7, 5, 10), "start 3 has 10 records, and start 4 began with 9"},
	} {
		var l paxos.Lives
		for _, w := range c.before {
			if !l.Hear("a1", 11, w) {
				t.Errorf("%s: %+v does not count", name, w)
			}
		}
		if l.Hear("a1", 11, c.word) || !strings.Contains(l.Why("a1", 11), c.want) {
			t.Errorf("%s: %q", name, l.Why("a1", 11))
		}
		for _, w := range append(c.before, c.word, life(99, 1, 1<<40, 1<<40)) {
			if l.Hear("a1", 11, w) {
				t.Errorf("%s: %+v counts again", name, w)
			}
		}
		if got := l.Why("a1", 11); !strings.Contains(got, c.want) {
			t.Errorf("%s: the reason became %q", name, got)
		}
	}
}

func TestOneDisksPastIsNotAnothers(t *testing.T) {
	var l paxos.Lives
	l.Hear("a1", 11, life(1, 7, 0, 5))
	l.Hear("a1", 11, life(1, 8, 0, 5))
	for _, of := range []paxos.StoreOf{{Acceptor: "a2", Store: 12}, {Acceptor: "a1", Store: 21}, {Acceptor: "a2", Store: 11}} {
		if l.Why(of.Acceptor, of.Store) != "" || !l.Hear(of.Acceptor, of.Store, life(1, 9, 0, 0)) {
			t.Errorf("%+v pays for another", of)
		}
	}
	want := []paxos.Clone{{Node: "a1", Why: l.Why("a1", 11)}}
	if diff := cmp.Diff(want, l.Clones(members)); diff != "" {
		t.Error(diff)
	}
	if got := new(paxos.Lives).Clones(members); got == nil || len(got) > 0 {
		t.Errorf("nobody was heard, and refused are %v", got)
	}
}

// imagined is a disk as Lives must understand it: it counts starts and records,
// and a crash keeps or loses what was not told.
type imagined struct {
	starts, records paxos.Number
	now             paxos.Life
}

var runs paxos.StartID

func (d *imagined) start() {
	d.starts++
	runs++
	d.now = life(d.starts, runs, d.records, d.records)
}

func (d *imagined) write(n int) paxos.Life {
	d.records += paxos.Number(n)
	d.now.Position = d.records
	return d.now
}

// Once a disk and its image have both written, nobody counts words of both that
// rest on different records, in whatever order and from whichever on they come.
func TestNoTwoPastsOfADiskAreCounted(t *testing.T) {
	refused := 0
	rapid.Check(t, func(t *rapid.T) {
		var disk imagined
		disk.start()
		for range rapid.IntRange(0, 4).Draw(t, "before") {
			if disk.write(rapid.IntRange(0, 2).Draw(t, "records")); rapid.Bool().Draw(t, "restart") {
				disk.start()
			}
		}
		image, common := disk, disk.records
		image.start()
		if rapid.Bool().Draw(t, "the first is started again too") {
			disk.start()
		}
		var words [2][]paxos.Life
		for i, d := range []*imagined{&disk, &image} {
			for range rapid.IntRange(1, 4).Draw(t, "words") {
				words[i] = append(words[i], d.write(rapid.IntRange(1, 3).Draw(t, "records")))
			}
		}
		var l paxos.Lives
		var counted [2]bool
		for n := range rapid.IntRange(2, 12).Draw(t, "heard") {
			i := rapid.IntRange(0, 1).Draw(t, "which")
			w := rapid.SampledFrom(words[i]).Draw(t, "word")
			if w.Position > common && l.Hear("a1", 11, w) {
				counted[i] = true
			}
			if counted[0] && counted[1] {
				t.Fatalf("after %d words both pasts have counted: %+v", n+1, words)
			}
		}
		if l.Why("a1", 11) != "" {
			refused++
		}
	})
	if refused < 30 {
		t.Errorf("only %d disks were refused", refused)
	}
}
