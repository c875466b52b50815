package kv

import "paxos/paxos"

// plain is the command that there is most of: a transaction that sets one key
// and asks for nothing, except perhaps how the key is afterwards, without its
// value. It cannot fail, and takes a way of its own (from bytes to bytes) that
// gives what any other transaction would; see TestThePlainWayIsTheOther.
type plain struct {
	key, value string
	read       bool
}

// mostPlainKey bounds a plain put's key: then the read stays within its budget.
const mostPlainKey = 64 << 10

// readPlain reads the body of a plain put; ok is false if it is anything else,
// which may be malformed.
func readPlain(body []byte) (p plain, ok bool) {
	if len(body) < 2 || body[0] != bodyVersion || body[1] != opTxn {
		return plain{}, false
	}
	r := reader{b: body[2:]}
	head := r.uvarint("fences") | r.uvarint("conditions")
	ops := r.uvarint("operations")
	if r.err != nil || head != 0 || ops == 0 || ops > 2 || len(r.b) == 0 || r.b[0] != kindPut {
		return plain{}, false
	}
	r.b = r.b[1:]
	at := len(body) - len(r.b)
	key, value := r.part("key"), r.part("value")
	end := len(body) - len(r.b)
	if r.uint64("lease") != 0 || r.bool("keep value") || r.bool("keep lease") || r.bool("prev") {
		return plain{}, false
	}
	if ops == 2 {
		if len(r.b) == 0 || r.b[0] != kindRange {
			return plain{}, false
		}
		r.b = r.b[1:]
		same := string(r.part("key")) == string(key)
		bounds := uint64(len(r.part("end"))) | r.uvarint("limit") | r.uvarint("revision")
		if keysOnly, countOnly := r.bool("keys only"), r.bool("count only"); !same || bounds != 0 || !keysOnly || countOnly {
			return plain{}, false
		}
	}
	if r.uvarint("else") != 0 || r.done() != nil || len(key) > mostPlainKey || len(value) > MaxValue {
		return plain{}, false
	}
	text := string(body[at:end]) // the key, and the value after its length
	keyAt := varintSize(len(key))
	return plain{text[keyAt : keyAt+len(key)], text[len(text)-len(value):], ops == 2}, true
}

// varintSize is how many bytes a length takes.
func varintSize(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// part gives bytes of the input itself.
func (r *reader) part(what string) []byte {
	n := r.length(1, what)
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// answer is room for what a plain put answers.
type answer struct {
	responses [2]Response
	keys      [1]KeyValue
}

func (m *Machine) plain(p *plain) []byte {
	c, _ := m.put(p.key, p.value, 0)
	m.finish()
	a := &m.answer
	res := Result{Revision: m.revision, Succeeded: true, Responses: a.responses[:1]}
	if p.read {
		a.keys[0] = c.KeyValue
		a.keys[0].Value = ""
		a.responses[1] = Response{KVs: a.keys[:], Count: 1}
		res.Responses = a.responses[:2]
	}
	return m.encoded(res)
}

// encoded gives the binary form of a result, in memory of its own.
func (m *Machine) encoded(r Result) []byte {
	m.buffer = appendResult(m.buffer[:0], r)
	if cap(m.buffer) > mostBuffered {
		defer func() { m.buffer = nil }()
	}
	return append(make([]byte, 0, len(m.buffer)), m.buffer...)
}

// operation is a command's body as it was read: a plain put, or another.
type operation struct {
	plain plain
	other any // nil: it is plain
}

func readOperation(c *paxos.Command) (o operation, err error) {
	var ok bool
	if o.plain, ok = readPlain(c.Body); !ok {
		o.other, err = decode(c.Body)
	}
	return o, err
}
