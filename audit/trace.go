package audit

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"

	"paxos/paxos"
)

// TraceVariable is the environment variable that makes a node's process write
// its trace into a directory, for tests of real processes. A file holds frames:
// a length (four bytes, little-endian: of what follows but the checksum), a
// kind, a payload, and CRC32C of the three. The first is the start, which says
// the version. What a turn did is written by one call, after what it rests on
// is durable and before anything leaves: a process that is killed loses nothing
// of its trace that anybody can have heard.
const TraceVariable = "PAXOS_TRACE_DIR"

// TraceVersion is that of the files. Another one is refused.
const TraceVersion = 1

// The kinds of frame. Their numbers are in files: never reuse one.
const (
	frameStart     = 1
	frameFound     = 2
	frameTurn      = 3
	frameApplied   = 4
	frameInstalled = 5
)

const (
	traceSuffix = ".trace"
	frameHead   = 5 // length and kind
	frameTail   = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Start says whose trace a file is.
type Start struct {
	Node          paxos.NodeID
	Process       uint64 // random bits: no other process has them
	Configuration paxos.Configuration
	Started       time.Time // orders the processes of one node
}

// Writer writes the trace of one process. It is the Tap of its loop, and must
// be used in that loop only. A nil Writer writes nothing.
type Writer struct {
	file *os.File
	buf  []byte // whole frames that are not written yet
	last []byte // scratch: the message before, in its binary form
	one  []byte // scratch
	err  error
}

// Create begins the trace of a process in dir, as the file NODE-PROCESS.trace.
func Create(dir string, s Start) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	name := filepath.Join(dir, fmt.Sprintf("%s-%016x%s", s.Node, s.Process, traceSuffix))
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	w := &Writer{file: file}
	at := w.begin(frameStart)
	w.buf = append(w.buf, TraceVersion)
	w.buf = binary.LittleEndian.AppendUint64(w.buf, s.Process)
	w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(s.Started.UnixNano()))
	w.buf = paxos.AppendRecord(w.buf, paxos.IdentityRecord{Identity: paxos.Identity{Node: s.Node, Config: s.Configuration}})
	w.end(at)
	return w, w.flush()
}

func (w *Writer) begin(kind byte) (at int) {
	at = len(w.buf)
	w.buf = append(w.buf, 0, 0, 0, 0, kind)
	return at
}

func (w *Writer) end(at int) {
	binary.LittleEndian.PutUint32(w.buf[at:], uint32(len(w.buf)-at-frameHead+1))
	w.buf = binary.LittleEndian.AppendUint32(w.buf, crc32.Checksum(w.buf[at:], castagnoli))
}

// flush writes all whole frames by one call. After an error nothing is written
// any more.
func (w *Writer) flush() error {
	if w.err == nil && len(w.buf) > 0 {
		if _, err := w.file.Write(w.buf); err != nil {
			w.err = fmt.Errorf("trace: %w", err)
		}
	}
	if cap(w.buf) > 1<<20 {
		w.buf = nil
	}
	w.buf = w.buf[:0]
	return w.err
}

func (w *Writer) bytes(b []byte) {
	w.buf = append(binary.AppendUvarint(w.buf, uint64(len(b))), b...)
}

func (w *Writer) records(records []paxos.Record) {
	w.buf = binary.AppendUvarint(w.buf, uint64(len(records)))
	for _, r := range records {
		w.buf = append(w.buf, byte(r.RecordKind()))
		w.one = paxos.AppendRecord(w.one[:0], r)
		w.bytes(w.one)
	}
}

// Found writes what an acceptor found on its disk, before it does anything.
func (w *Writer) Found(id paxos.Identity, records []paxos.Record, mute string) error {
	if w == nil {
		return nil
	}
	at := w.begin(frameFound)
	w.bytes([]byte(mute))
	w.one = paxos.AppendRecord(w.one[:0], paxos.IdentityRecord{Identity: id})
	w.bytes(w.one)
	w.records(records)
	w.end(at)
	return w.flush()
}

// Turned implements node.Tap.
func (w *Writer) Turned(records []paxos.Record, sent []paxos.Envelope) error {
	if w == nil {
		return nil
	}
	at := w.begin(frameTurn)
	w.records(records)
	w.last = w.last[:0]
	for i := range sent {
		m, ok := slim(sent[i].Message)
		if !ok {
			continue
		}
		e := sent[i]
		e.To, e.Message = "", m
		w.one = paxos.AppendEnvelope(w.one[:0], e)
		// A message to many is written once: who gets it is no matter here.
		if string(w.one) != string(w.last) {
			w.bytes(w.one)
			w.one, w.last = w.last, w.one
		}
	}
	w.end(at)
	return w.flush()
}

// slim leaves out of a trace what the judge does not look at: messages that stay
// in the node, commands on their way to a leader, a value beside its digest, a
// snapshot's bytes.
func slim(m paxos.Message) (paxos.Message, bool) {
	switch m := m.(type) {
	case paxos.Propose:
		return nil, false
	case paxos.Learn:
		m.Votes = withoutValues(m.Votes)
		return m, true
	case paxos.Voted:
		m.Votes = withoutValues(m.Votes)
		return m, true
	case paxos.SnapshotPart:
		m.Bytes = nil
		return m, true
	}
	return m, m.Kind() != paxos.KindLocal
}

func withoutValues(votes []paxos.Vote) []paxos.Vote {
	list := make([]paxos.Vote, len(votes))
	for i := range votes {
		list[i] = votes[i]
		list[i].Value = nil
	}
	return list
}

// Machine makes a learner's machine that writes into the trace what it applies,
// and now where it begins.
func (w *Writer) Machine(m Machine) Machine {
	if w == nil {
		return m
	}
	w.installed(m.Applied())
	return &tracedMachine{m, w}
}

// Machine is what learner.Machine is.
type Machine interface {
	Apply(paxos.Entry) ([]paxos.Outcome, error)
	Applied() paxos.Slot
	Time() paxos.LogTime
	SnapshotDue() bool
	Freeze() paxos.State
	Restore(paxos.State) error
}

type tracedMachine struct {
	Machine
	w *Writer
}

// Apply implements learner.Machine. The frame leaves with the turn.
func (m *tracedMachine) Apply(e paxos.Entry) ([]paxos.Outcome, error) {
	outcomes, err := m.Machine.Apply(e)
	if err == nil {
		w := m.w
		at := w.begin(frameApplied)
		w.one = paxos.AppendRecord(w.one[:0], paxos.AcceptedRecord{Ballot: e.Ballot, Proposals: []paxos.Proposal{{Slot: e.Slot, Value: e.Value}}})
		w.bytes(w.one)
		for i := range outcomes {
			w.one = paxos.AppendOutcome(w.one[:0], outcomes[i])
			w.bytes(w.one)
		}
		w.end(at)
	}
	return outcomes, err
}

// Restore implements learner.Machine.
func (m *tracedMachine) Restore(s paxos.State) error {
	err := m.Machine.Restore(s)
	if err == nil {
		m.w.installed(m.Machine.Applied())
	}
	return err
}

func (w *Writer) installed(applied paxos.Slot) {
	at := w.begin(frameInstalled)
	w.buf = binary.AppendUvarint(w.buf, uint64(applied))
	w.end(at)
}

// Close ends the trace.
func (w *Writer) Close() error {
	if w == nil {
		return nil
	}
	err := w.flush()
	if e := w.file.Close(); err == nil {
		err = e
	}
	return err
}
