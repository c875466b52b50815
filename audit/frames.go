package audit

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"paxos/paxos"
)

// frames reads the frames of a file.
type frames struct {
	from     *bufio.Reader
	path     string
	at, next int64 // of the frame that was read last, and of the one after it
}

func newFrames(from io.Reader, path string) *frames {
	return &frames{from: bufio.NewReaderSize(from, 1<<16), path: path}
}

// errTorn says that the file ends within a frame.
var errTorn = errors.New("the trace ends within a frame")

func (f *frames) wrong(format string, args ...any) error {
	return fmt.Errorf("%s: the frame at byte %d: %s", f.path, f.at, fmt.Sprintf(format, args...))
}

// read gives the next frame; io.EOF says that there is none, errTorn that it is
// not whole. The payload is the caller's.
func (f *frames) read() (kind byte, payload []byte, err error) {
	f.at = f.next
	var head [4]byte
	if _, err := io.ReadFull(f.from, head[:]); err != nil {
		return 0, nil, torn(err)
	}
	length := int(binary.LittleEndian.Uint32(head[:]))
	if length < 1 {
		return 0, nil, f.wrong("has no kind")
	}
	// Memory is taken as bytes come, and not on the word of a damaged length.
	frame := append(make([]byte, 0, 4+min(length+frameTail, 1<<20)), head[:]...)
	for len(frame) < 4+length+frameTail {
		n := min(4+length+frameTail-len(frame), 1<<20)
		frame = append(frame, make([]byte, n)...)
		if _, err := io.ReadFull(f.from, frame[len(frame)-n:]); err != nil {
			return 0, nil, torn(err, true)
		}
	}
	body, tail := frame[:4+length], frame[4+length:]
	f.next += int64(len(frame))
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(tail) {
		return 0, nil, f.wrong("its checksum is wrong")
	}
	return body[4], body[frameHead:], nil
}

func torn(err error, within ...bool) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || len(within) > 0 && errors.Is(err, io.EOF) {
		return errTorn
	}
	return err
}

func (f *frames) start(payload []byte) (Start, error) {
	if len(payload) < 1 || payload[0] != TraceVersion {
		return Start{}, f.wrong("it is not of version %d, which this program reads", TraceVersion)
	}
	if len(payload) < 17 {
		return Start{}, f.wrong("a start of %d bytes", len(payload))
	}
	s := Start{Process: binary.LittleEndian.Uint64(payload[1:]), Started: time.Unix(0, int64(binary.LittleEndian.Uint64(payload[9:])))}
	r, err := paxos.DecodeRecord(paxos.IdentityKind, payload[17:])
	if err != nil {
		return Start{}, f.wrong("%v", err)
	}
	id := r.(paxos.IdentityRecord).Identity
	s.Node, s.Configuration = id.Node, id.Config
	if err := s.Configuration.Check(); err != nil {
		return Start{}, f.wrong("%v", err)
	}
	return s, nil
}

// parts takes a payload apart. After an error it gives nothing more.
type parts struct {
	b   []byte
	err error
}

var errShort = errors.New("it is shorter than it says")

func (p *parts) fail(err error) {
	if p.err == nil {
		p.err = err
	}
	p.b = nil
}

func (p *parts) uvarint() uint64 {
	n, size := binary.Uvarint(p.b)
	if size <= 0 {
		p.fail(errShort)
		return 0
	}
	p.b = p.b[size:]
	return n
}

func (p *parts) bytes() []byte {
	n := p.uvarint()
	if n > uint64(len(p.b)) {
		p.fail(errShort)
		return nil
	}
	b := p.b[:n:n]
	p.b = p.b[n:]
	return b
}

func (p *parts) record(kind byte) paxos.Record {
	b := p.bytes()
	if p.err != nil {
		return nil
	}
	r, err := paxos.DecodeRecord(paxos.RecordKind(kind), b)
	if err != nil {
		p.fail(err)
	}
	return r
}

func (p *parts) records() (list []paxos.Record) {
	for n := p.uvarint(); n > 0 && p.err == nil; n-- {
		if len(p.b) == 0 {
			p.fail(errShort)
			return nil
		}
		kind := p.b[0]
		p.b = p.b[1:]
		list = append(list, p.record(kind))
	}
	return list
}

func (p *parts) envelopes() (list []paxos.Envelope) {
	for p.err == nil && len(p.b) > 0 {
		e, err := paxos.DecodeEnvelope(p.bytes())
		if p.err == nil && err != nil {
			p.fail(err)
		}
		list = append(list, e)
	}
	return list
}

func (p *parts) applied() (e paxos.Entry, outcomes []paxos.Outcome) {
	r, _ := p.record(byte(paxos.AcceptedKind)).(paxos.AcceptedRecord)
	if p.err == nil && len(r.Proposals) != 1 {
		p.fail(fmt.Errorf("it applies %d slots at once", len(r.Proposals)))
	}
	if p.err != nil {
		return e, nil
	}
	e = paxos.Entry{Slot: r.Proposals[0].Slot, Ballot: r.Ballot, Value: r.Proposals[0].Value}
	for p.err == nil && len(p.b) > 0 {
		o, err := paxos.DecodeOutcome(p.bytes())
		if p.err == nil && err != nil {
			p.fail(err)
		}
		outcomes = append(outcomes, o)
	}
	return e, outcomes
}

// done says what was wrong with the payload, and that nothing is left of it.
func (p *parts) done(f *frames) error {
	if p.err == nil && len(p.b) > 0 {
		p.fail(fmt.Errorf("%d bytes too many", len(p.b)))
	}
	if p.err != nil {
		return f.wrong("%v", p.err)
	}
	return nil
}
