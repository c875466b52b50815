package service_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"paxos/internal/wal"
	"paxos/paxos"
)

// The order persist → send (docs/protocol.md, Disks), checked on what a process
// did to its disk and its sockets, whoever recorded it: strace around a real
// one, or a file system and a network that are interposed.

// deed is something that was done. Began and ended are places in one order of
// all beginnings and ends; what never ended ends at never.
type deed struct {
	kind         kindOfDeed
	file         string
	began, ended int
	data         []byte   // of a write
	says         []string // of an answer: marks of the ballots it speaks for
}

type kindOfDeed string

const (
	writes  kindOfDeed = "write"
	syncs   kindOfDeed = "sync"
	answers kindOfDeed = "answer"

	never = 1 << 60
)

// checkOrder demands, for every ballot that an answer speaks for, a write of
// it to the journal and a sync of the same file that began after that write
// had ended, and ended before the answer began. It counts the ballots.
func checkOrder(deeds []deed) (spoken int, err error) {
	for _, a := range deeds {
		if a.kind != answers {
			continue
		}
		for _, mark := range a.says {
			spoken++
			if !covered(deeds, mark, a.began) {
				return spoken, fmt.Errorf("an answer (at %d) speaks for %s, of which nothing was durable", a.began, mark)
			}
		}
	}
	return spoken, nil
}

func covered(deeds []deed, mark string, before int) bool {
	for _, w := range deeds {
		if w.kind != writes || w.ended >= before || !bytes.Contains(w.data, []byte(mark)) {
			continue
		}
		if slices.ContainsFunc(deeds, func(s deed) bool {
			return s.kind == syncs && s.file == w.file && s.began > w.ended && s.ended < before
		}) {
			return true
		}
	}
	return false
}

// records gives the content of a batch without the tags of its sectors.
func records(batch []byte) (b []byte) {
	for sector := range slices.Chunk(batch, wal.SectorBytes) {
		b = append(b, sector[min(8, len(sector)):]...)
	}
	return b
}

// speaksFor gives the ballots that an answer makes a statement about, by the
// proposer's id, of which every question of these tests has its own.
func speaksFor(m paxos.Message) []string {
	switch m := m.(type) {
	case paxos.Promise:
		return []string{string(m.Ballot.Proposer)}
	case paxos.Accepted:
		return []string{string(m.Ballot.Proposer)}
	case paxos.Nack:
		if !m.Promise.IsZero() {
			return []string{string(m.Promise.Proposer)}
		}
	case paxos.Learn:
		var marks []string
		for _, v := range m.Votes {
			marks = append(marks, string(v.Ballot.Proposer))
		}
		return marks
	}
	return nil
}

// inHTTP gives the ballots that an HTTP response speaks for.
func inHTTP(text []byte) []string {
	_, body, ok := bytes.Cut(text, []byte("\r\n\r\n"))
	if !ok || !bytes.HasPrefix(text, []byte("HTTP/1.1 ")) {
		return nil
	}
	var head struct{ Message string }
	if json.Unmarshal(body, &head) != nil {
		return nil
	}
	for _, kind := range []paxos.Kind{paxos.KindPromise, paxos.KindAccepted, paxos.KindNack} {
		if head.Message == kind.String() {
			if e, err := paxos.DecodeJSON(kind, body); err == nil {
				return speaksFor(e.Message)
			}
		}
	}
	return nil
}

// question is the i-th Prepare or Accept: a ballot above all before it, of a
// proposer of its own.
func question(i int) (path, body string) {
	ballot := fmt.Sprintf(`"ballot":{"number":"%d","proposer":"mark-%05d","start":"0000000000000001"}`, i, i)
	if i%3 == 0 {
		return "/prepare", "{" + ballot + `,"first":"1000000"}`
	}
	return "/accept", fmt.Sprintf(`{%s,"proposals":[{"slot":"%d","value":{"time":"1","commands":[{"session":"%016x","sequence":"1","body":"%s"}]}}]}`,
		ballot, i, i, "AQEA"+strings.Repeat("AAAA", i%200)) // values of zeros
}

func TestTheCheckerOfTheOrderCanFail(t *testing.T) {
	good := []deed{
		{kind: writes, file: "1.wal", began: 1, ended: 2, data: []byte("xx mark-00001 xx")},
		{kind: syncs, file: "1.wal", began: 3, ended: 5},
		{kind: answers, began: 6, ended: 7, says: []string{"mark-00001"}},
	}
	if n, err := checkOrder(good); n != 1 || err != nil {
		t.Fatalf("a good order: %d, %v", n, err)
	}
	for name, doctor := range map[string]func(d []deed){
		"no sync":                               func(d []deed) { d[1].kind = "read" },
		"a sync that never ended":               func(d []deed) { d[1].ended = never },
		"a sync that ended after the answer":    func(d []deed) { d[1].ended = 8 },
		"a sync that began before the write":    func(d []deed) { d[1].began = 0 },
		"a sync that began during the write":    func(d []deed) { d[0].ended = 4 },
		"a sync of another file":                func(d []deed) { d[1].file = "2.wal" },
		"a write of something else":             func(d []deed) { d[0].data = []byte("mark-00002") },
		"an answer that speaks for another too": func(d []deed) { d[2].says = append(d[2].says, "mark-00002") },
		"an answer before everything":           func(d []deed) { d[2].began = 0 },
	} {
		bad := slices.Clone(good)
		doctor(bad)
		if _, err := checkOrder(bad); err == nil {
			t.Errorf("%s goes unnoticed", name)
		}
	}
}
