package audit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"paxos/paxos"
)

// Replay is what the traces of a directory were judged to.
type Replay struct {
	*Judge
	Files []TraceFile
	// Empty are the files of processes that ended before they did anything.
	Empty []string
	// promised are the ballots that acceptors wrote of.
	promised map[paxos.Ballot]bool
}

// TraceFile is one trace that was read.
type TraceFile struct {
	Path  string
	Start Start
	Turns int64
	Bytes int64
	// Torn says that the process ended while it wrote its last frame, of which
	// nobody has heard anything then.
	Torn bool
}

// ReadDir judges all traces of a directory. They may be of any time, but must
// be of one configuration. What rests on traces that are not there is not judged:
// Missing, Unseen and NotJudged say what that is.
func ReadDir(dir string) (*Replay, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*"+traceSuffix))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s has no traces (*%s): they are written where %s names this directory", dir, traceSuffix, TraceVariable)
	}
	r := &Replay{promised: map[paxos.Ballot]bool{}}
	for _, path := range paths {
		start, err := readStart(path)
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
			r.Empty = append(r.Empty, path)
			continue
		}
		if err != nil {
			return nil, err
		}
		r.Files = append(r.Files, TraceFile{Path: path, Start: start})
	}
	if len(r.Files) == 0 {
		return nil, fmt.Errorf("%s has %d traces, and none has a whole frame", dir, len(paths))
	}
	c := r.Files[0].Start.Configuration
	for _, f := range r.Files {
		if f.Start.Configuration.Stamp() != c.Stamp() {
			return nil, fmt.Errorf("%s is of the acceptors %v, %s of %v: one cluster is judged at a time", r.Files[0].Path, c.Acceptors, f.Path, f.Start.Configuration.Acceptors)
		}
	}
	if len(c.Acceptors) > MaxAcceptors {
		return nil, fmt.Errorf("%s has a configuration of %d acceptors, at most %d are judged", r.Files[0].Path, len(c.Acceptors), MaxAcceptors)
	}
	// Votes first: then most of what rests on them can be judged at once, and
	// need not be kept for later.
	slices.SortFunc(r.Files, func(a, b TraceFile) int {
		return cmp.Or(cmp.Compare(rank(c, a), rank(c, b)), cmp.Compare(a.Start.Node, b.Start.Node), a.Start.Started.Compare(b.Start.Started), cmp.Compare(a.Path, b.Path))
	})
	r.Judge = NewWith(c, Options{Absent: r.missing(c)})
	for i := range r.Files {
		if err := r.feed(&r.Files[i]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func rank(c paxos.Configuration, f TraceFile) int {
	if c.IsAcceptor(f.Start.Node) {
		return 0
	}
	return 1
}

// readStart reads how a trace begins. One that has no whole frame is of a
// process that did nothing.
func readStart(path string) (Start, error) {
	file, err := os.Open(path)
	if err != nil {
		return Start{}, err
	}
	defer file.Close()
	f := newFrames(file, path)
	kind, payload, err := f.read()
	if err != nil {
		return Start{}, err
	}
	if kind != frameStart {
		return Start{}, f.wrong("the first frame is of kind %d, and not a start", kind)
	}
	return f.start(payload)
}

// feed judges one trace.
func (r *Replay) feed(t *TraceFile) error {
	file, err := os.Open(t.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	f := newFrames(file, t.Path)
	r.Began(t.Start.Node, t.Start.Process)
	for {
		kind, payload, err := f.read()
		switch {
		case errors.Is(err, io.EOF):
			t.Bytes = f.next
			return nil
		case errors.Is(err, errTorn):
			t.Bytes, t.Torn = f.next, true
			return nil
		case err != nil:
			return err
		}
		if kind == frameTurn {
			t.Turns++
		}
		if err := r.take(f, t, kind, payload); err != nil {
			return err
		}
	}
}

// take judges one frame.
func (r *Replay) take(f *frames, t *TraceFile, kind byte, payload []byte) error {
	p := &parts{b: payload}
	node, process := t.Start.Node, t.Start.Process
	switch kind {
	case frameStart:
		if f.at != 0 {
			return f.wrong("a second start")
		}
		return nil
	case frameFound:
		mute := string(p.bytes())
		id, _ := p.record(byte(paxos.IdentityKind)).(paxos.IdentityRecord)
		records := p.records()
		if p.done(f) == nil {
			r.Found(node, process, id.Identity, records, mute)
		}
	case frameTurn:
		records := p.records()
		envelopes := p.envelopes()
		if p.done(f) == nil {
			r.note(records)
			r.Turned(node, process, records, envelopes)
		}
	case frameApplied:
		e, outcomes := p.applied()
		if p.done(f) == nil {
			r.Applied(node, process, e, outcomes)
		}
	case frameInstalled:
		slot := p.uvarint()
		if p.done(f) == nil {
			r.Installed(node, process, paxos.Slot(slot))
		}
	default:
		return f.wrong("a frame of kind %d: written by a newer version?", kind)
	}
	return p.done(f)
}
