package rest

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"paxos/client"
	"paxos/internal/lean"
	"paxos/internal/metrics"
	"paxos/kv"
	"paxos/paxos"
)

// The hot routes at the lean edge. Each reads what the endpoint of the same name
// reads, gives up before it did anything if there is the least doubt (net/http
// then has the request as it came, and says what is wrong with it), and answers
// by the same functions.

// hotBody bounds what is worth to be read here: of larger values HTTP is not
// what costs.
const hotBody = 128 << 10

// newEdge is the edge in front of net/http.
func (s *Server) newEdge() *lean.Edge {
	o := lean.Options{First: headerPatience, Idle: idlePatience, Sender: leanPatience, Reader: patienceOfParts, Body: hotBody,
		Hot:    func(*lean.Request) lean.Handler { return nil },
		Broken: func(why any) { s.Log.Errorf("a request could not be answered: %v", why) }}
	on := func(method, path string, h lean.Handler) lean.Handler {
		return counted(s.Measures.Requests.Route(method, path), h)
	}
	switch s.settings.Role {
	case paxos.LearnerRole:
		get := on(http.MethodGet, "/kv/*key", s.hotGet)
		o.Hot = func(r *lean.Request) lean.Handler {
			if r.Method == http.MethodGet && isKey(r.Path) {
				return get
			}
			return nil
		}
	case paxos.ClientRole:
		keys := map[string]lean.Handler{http.MethodGet: on(http.MethodGet, "/kv/*key", s.hotPass), http.MethodPut: on(http.MethodPut, "/kv/*key", s.hotPut),
			http.MethodPost: on(http.MethodPost, "/kv/*key", s.hotPost)}
		send, many := on(http.MethodPost, "/send", s.hotSend), on(http.MethodPost, "/kv", s.hotMany)
		o.Hot = func(r *lean.Request) lean.Handler {
			switch {
			case isKey(r.Path):
				return keys[r.Method]
			case string(r.Path) == "/send" && r.Method == http.MethodPost:
				return send
			case string(r.Path) == "/kv" && r.Method == http.MethodPost:
				return many
			}
			return nil
		}
	}
	return lean.New(o)
}

// counted counts what is answered here as it is counted there.
func counted(route *metrics.Route, h lean.Handler) lean.Handler {
	return func(r *lean.Request, a *lean.Answer) bool {
		begun := time.Now()
		if !h(r, a) {
			return false
		}
		route.Answered(a.Status, time.Since(begun), false)
		return true
	}
}

var keyPath = []byte("/kv/")

func isKey(path []byte) bool { return bytes.HasPrefix(path, keyPath) && len(path) > len(keyPath) }

// hotKey is the key in the path.
func (s *Server) hotKey(r *lean.Request) (string, bool) {
	raw := string(r.Path[len(keyPath):])
	if strings.IndexByte(raw, '%') < 0 {
		return raw, s.keyFits(raw) == nil
	}
	key, err := pathText(raw, "key")
	return key, err == nil && key != "" && s.keyFits(key) == nil
}

// hotQuery are the parameters that hot routes take.
type hotQuery struct {
	patience           time.Duration
	consistency, token string
}

// readQuery reads plain parameters, each at most once.
func (s *Server) readQuery(query []byte) (q hotQuery, ok bool) {
	q.patience = min(s.settings.RequestTimeout, maxTimeout)
	timed := false
	for rest := query; len(rest) > 0; {
		var one []byte
		one, rest, _ = bytes.Cut(rest, []byte{'&'})
		name, value, given := bytes.Cut(one, []byte{'='})
		if !given || !plainWord(value) {
			return q, false
		}
		switch text := string(value); string(name) {
		case "timeout":
			var bad *client.Problem
			if q.patience, bad = parsePatience(text); bad != nil || timed {
				return q, false
			}
			timed = true
		case "consistency":
			if q.consistency != "" {
				return q, false
			}
			q.consistency = text
		case "session_token":
			if q.token != "" {
				return q, false
			}
			q.token = text
		default:
			return q, false
		}
	}
	return q, len(query) == 0 || query[len(query)-1] != '&'
}

// plainWord: nothing that would have to be unescaped.
func plainWord(b []byte) bool {
	for _, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.') {
			return false
		}
	}
	return len(b) > 0
}

// writePatience is of a route that takes no parameter but ?timeout=.
func (s *Server) writePatience(r *lean.Request) (time.Duration, bool) {
	q, ok := s.readQuery(r.Query)
	return q.patience, ok && q.consistency == "" && q.token == ""
}

// hotName is the idempotency key that the header gives, "" for none.
func hotName(r *lean.Request) (string, bool) {
	b := r.Header(lean.IdempotencyKey)
	return string(b), true
}

// hotPut is putKV.
func (s *Server) hotPut(r *lean.Request, a *lean.Answer) bool {
	if len(r.Body) > s.settings.MaxValueBytes {
		return false
	}
	key, ok := s.hotKey(r)
	if !ok {
		return false
	}
	return s.hotChange(r, a, false, kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: key, Value: string(r.Body)}}, asItIs(key)}})
}

// hotPost is postKV.
func (s *Server) hotPost(r *lean.Request, a *lean.Answer) bool {
	key, ok := s.hotKey(r)
	if !ok || !asJSON(r) {
		return false
	}
	demanded := conditions{}
	ops, err := s.modify(key, r.Body, &demanded)
	if err != nil {
		return false
	}
	return s.hotChange(r, a, ops[0].Append != nil, conditional(demanded, key, ops...))
}

// hotChange has a write of one key applied.
func (s *Server) hotChange(r *lean.Request, a *lean.Answer, appended bool, t kv.Txn) bool {
	patience, ok := s.writePatience(r)
	if !ok {
		return false
	}
	w := writing{command: t, patience: patience}
	if w.key, ok = hotName(r); !ok {
		return false
	}
	ask, bad := s.ready(w)
	if bad != nil {
		return false
	}
	v := leanVoice{a}
	settled, err := s.pursue(context.Background(), ask, patience)
	d, bad := s.finish(settled, err, w.key)
	if bad == nil {
		bad = d.whyUnchanged(t)
	}
	if bad != nil {
		tellProblem(v, bad)
		return true
	}
	tellWritten(v, written(d, appended))
	return true
}

// asJSON: a body is JSON whatever it is called, but for two names. A name with
// capitals, which mean nothing in it, is left to who reads all names.
func asJSON(r *lean.Request) bool {
	kind := r.Header(lean.ContentType)
	return !bytes.ContainsFunc(kind, unicode.IsUpper) && !bytes.Contains(kind, []byte("x-paxos")) && !bytes.Contains(kind, []byte("ndjson"))
}

// hotSend is send, of a value that is waited for.
func (s *Server) hotSend(r *lean.Request, a *lean.Answer) bool {
	patience, ok := s.writePatience(r)
	if !ok || !asJSON(r) {
		return false
	}
	name, ok := hotName(r)
	if !ok {
		return false
	}
	if isList(r.Body) {
		return name == "" && s.hotMany(r, a)
	}
	ask, ok := s.readValue(name, r.Body)
	if !ok {
		return false
	}
	v := leanVoice{a}
	settled, err := s.pursue(context.Background(), paxos.Submit{Key: ask.Key, Body: kv.Append(*ask.Value)}, patience)
	var bad *client.Problem
	if err != nil {
		bad = s.failed(err, paxos.KindPropose)
	} else {
		bad = whySettled(settled, ask.Key)
	}
	if bad != nil {
		tellProblem(v, bad)
		return true
	}
	s.tellSent(v, ask.Key, settled)
	return true
}

// hotMany is sendMany.
func (s *Server) hotMany(r *lean.Request, a *lean.Answer) bool {
	patience, ok := s.writePatience(r)
	if !ok || !asJSON(r) || r.Header(lean.IdempotencyKey) != nil {
		return false
	}
	errands, err := s.readMany(r.Body)
	if err != nil {
		return false
	}
	s.tellMany(context.Background(), leanVoice{a}, errands, patience)
	return true
}

// readValue reads {"value":"…"} without a decoder if there is nothing else in it.
func (s *Server) readValue(name string, b []byte) (sendBody, bool) {
	if text, ok := bytes.CutPrefix(b, []byte(`{"value":"`)); ok {
		if text, ok = bytes.CutSuffix(text, []byte(`"}`)); ok && plainText(text) && len(text) <= s.settings.MaxValueBytes && len(name) <= paxos.MaxKeyBytes {
			value := string(text)
			return sendBody{Value: &value, Key: name}, true
		}
	}
	var header []string
	if name != "" {
		header = []string{name}
	}
	ask, err := s.readSend(header, b)
	return ask, err == nil
}

// plainText: what stands in a JSON string as it is.
func plainText(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return utf8.Valid(b)
}

// hotReading is how fresh a read must be.
func (s *Server) hotReading(r *lean.Request) (ask reading, ok bool) {
	q, ok := s.readQuery(r.Query)
	if !ok {
		return ask, false
	}
	ask = reading{consistency: linearizable, patience: q.patience}
	switch q.consistency {
	case "", linearizable:
	case stale, afterSession:
		ask.consistency = q.consistency
	default:
		return ask, false
	}
	text := q.token
	if header := r.Header(lean.SessionToken); header != nil {
		if text != "" && text != string(header) {
			return ask, false
		}
		text = string(header)
		if text == "" {
			return ask, false
		}
	}
	if text == "" {
		return ask, true
	}
	seen, err := parseToken(text)
	if ask.consistency == afterSession {
		ask.seen = seen
	}
	return ask, err == nil
}

// hotGet is getKV of one key, at a learner.
func (s *Server) hotGet(r *lean.Request, a *lean.Answer) bool {
	key, ok := s.hotKey(r)
	if !ok {
		return false
	}
	ask, ok := s.hotReading(r)
	if !ok {
		return false
	}
	v := leanVoice{a}
	got, fresh, bad := s.seeKey(context.Background(), ask, key, v)
	if bad != nil {
		tellProblem(v, bad)
		return true
	}
	tellKey(v, readingOne{}, key, got.one, got.found, fresh, namesJSON(string(r.Header(lean.Accept))))
	return true
}
