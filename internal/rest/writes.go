package rest

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// writing is a command of the store on its way.
type writing struct {
	command  any // of kv.Encode
	key      string
	patience time.Duration
}

// done is a command that was applied, and did what it says unless its result
// holds a failure.
type done struct {
	kv.Result
	command client.Command
}

// parseWriting reads what every write has.
func (s *Server) parseWriting(c *gin.Context, command any) (w writing, bad *client.Problem) {
	w.command = command
	if w.patience, bad = s.patience(c); bad != nil {
		return w, bad
	}
	var err error
	if w.key, err = idempotencyKey(keyHeader(c), ""); err != nil {
		return w, badRequest(err, "")
	}
	return w, nil
}

// idempotencyKey is what the header says, or the body. Who gives a key relies on
// it: one that is empty, or not one, is a slip.
func idempotencyKey(header []string, field string) (string, error) {
	switch {
	case len(header) == 0:
		return field, nil
	case len(header) > 1 || header[0] == "":
		return "", errors.New("the Idempotency-Key header is empty, or there is more than one")
	case field != "" && field != header[0]:
		return "", errors.New("the Idempotency-Key header and the field \"key\" differ")
	default:
		return header[0], nil
	}
}

func keyHeader(c *gin.Context) []string { return c.Request.Header.Values("Idempotency-Key") }

// write has a command applied and gives its result; it answers the request
// itself if that is not certain, or if it failed.
func (s *Server) write(c *gin.Context, command any) (done, bool) {
	w, bad := s.parseWriting(c, command)
	if bad != nil {
		refuse(c, bad)
		return done{}, false
	}
	d, ok := s.apply(c, w)
	if ok && d.Failure != nil {
		s.refuseFailure(c, d)
		return d, false
	}
	return d, ok
}

// apply does the same, and leaves failures to the caller.
func (s *Server) apply(c *gin.Context, w writing) (done, bool) {
	d, bad := s.carryOut(c.Request.Context(), w)
	if bad != nil {
		refuse(c, bad)
		return done{}, false
	}
	return d, true
}

func (s *Server) decoded(settled paxos.Settled, key string) (done, error) {
	result, err := kv.DecodeResult(settled.Outcome.Result)
	name := settled.Name
	return done{result, client.Command{
		Slot: settled.Outcome.Slot, Position: settled.Outcome.Position, Session: name.Session, Sequence: name.Sequence, IdempotencyKey: key,
		Outcome: outcomePath(key, name), Client: s.settings.ID, SessionToken: tokenOf(settled.Outcome.Slot),
	}}, err
}

func (s *Server) refuseFailure(c *gin.Context, d done) { refuse(c, d.failure()) }

// limits are what the store takes, as the settings say.
func (s *Server) limits() kv.Limits { return limitsOf(s.settings) }

// unbounded are limits by which only nonsense is refused.
var unbounded = kv.Limits{KeyBytes: math.MaxInt, ValueBytes: kv.MaxValue, Operations: math.MaxInt}

// admitOne says what is wrong with a command: that it makes no sense, or that it
// is too large.
func admitOne(c paxos.Command, limits kv.Limits) error {
	if most := limits.ValueBytes + bodyMargin; len(c.Body) > most {
		return tooLarge("the command's body has %d bytes, at most %d are allowed", len(c.Body), most)
	}
	err := limits.Check(c)
	if err != nil && unbounded.Check(c) == nil {
		return sizeError(err.Error())
	}
	return err
}

// conditions are what the headers of a write demand.
type conditions struct {
	fences []kv.Fence
	on     []kv.Compare // about the key that is written
}

func (s *Server) parseConditions(c *gin.Context, key string) (o conditions, err error) {
	if o.fences, err = fences(c); err != nil {
		return o, err
	}
	for _, header := range []string{"If-Match", "If-None-Match"} {
		list, any, err := tags(c, header)
		switch {
		case err != nil:
			return o, err
		case len(list) > 1:
			return o, fmt.Errorf("header %s: one tag is enough; a key has one revision", header)
		case !any && len(list) == 0 && len(c.Request.Header.Values(header)) == 0:
			continue
		}
		on := kv.Compare{Span: kv.Span{Key: key}, Target: kv.TargetMod, Relation: kv.Equal}
		if any {
			on.Relation = kv.NotEqual // 0: it is there
		} else {
			on.Number = list[0]
		}
		if header == "If-None-Match" {
			on.Relation = kv.NotEqual - on.Relation
		}
		o.on = append(o.on, on)
	}
	return o, nil
}

// fences reads If-Fence: a lock's name, percent-encoded, a colon, a token.
func fences(c *gin.Context) (list []kv.Fence, err error) {
	for _, line := range c.Request.Header.Values(client.HeaderFence) {
		for text := range strings.SplitSeq(line, ",") {
			text = strings.TrimSpace(text)
			i := strings.LastIndexByte(text, ':')
			if i < 1 {
				return nil, fmt.Errorf("header %s: %.80q is not a lock's name, a colon and a token", client.HeaderFence, text)
			}
			name, err := pathText(text[:i], "lock's name")
			if err != nil {
				return nil, fmt.Errorf("header %s: %w", client.HeaderFence, err)
			}
			token, err := strconv.ParseUint(text[i+1:], 10, 64)
			if err != nil || token == 0 {
				return nil, fmt.Errorf("header %s: %.40q is no token", client.HeaderFence, text[i+1:])
			}
			list = append(list, kv.Fence{Lock: name, Token: kv.Revision(token)})
		}
	}
	return list, nil
}

// unconditional refuses conditions where they have no meaning: a writer relies
// on them.
func unconditional(c *gin.Context, names ...string) error {
	for _, name := range names {
		if len(c.Request.Header.Values(name)) > 0 {
			return fmt.Errorf("header %s has no meaning here", name)
		}
	}
	return nil
}

// nowhere are the headers that only writes of keys take.
var nowhere = []string{"If-Match", "If-None-Match", client.HeaderFence}

// whyFailed is the problem that a failure of the state machine is.
func whyFailed(f *kv.Failure) *client.Problem {
	const again = "nothing was changed"
	switch f.Code {
	case kv.FailCompacted:
		return problem("compacted", http.StatusGone, f.Detail, "read the present state, and go on from its revision")
	case kv.FailFuture:
		return problem("future-revision", http.StatusBadRequest, f.Detail, "")
	case kv.FailNoLease:
		return problem("no-lease", http.StatusNotFound, f.Detail, "it has ended, or never was; grant another one")
	case kv.FailNoKey:
		return problem("no-key", http.StatusNotFound, f.Detail, again)
	case kv.FailLeaseExists:
		return problem("lease-exists", http.StatusConflict, f.Detail, "leave the id out, and the store chooses one")
	case kv.FailNotHeld:
		return problem("not-held", http.StatusConflict, f.Detail, "")
	case kv.FailNotADirectory:
		return problem("not-a-queue", http.StatusConflict, f.Detail, "keys below locks/ and elections/ belong to the queues")
	case kv.FailFenced:
		return problem("fenced", http.StatusPreconditionFailed, f.Detail, "nothing was changed; whoever held the lock must not go on")
	case kv.FailNotANumber:
		return problem("not-a-number", http.StatusUnprocessableEntity, f.Detail, again)
	case kv.FailNotAList:
		return problem("not-a-list", http.StatusUnprocessableEntity, f.Detail, again)
	case kv.FailOverflow:
		return problem("overflow", http.StatusUnprocessableEntity, f.Detail, again)
	case kv.FailTTL:
		return problem("bad-ttl", http.StatusUnprocessableEntity, f.Detail, again)
	case kv.FailDuplicateKey:
		return problem("duplicate-key", http.StatusBadRequest, f.Detail, "nothing was changed; of one key, say what it shall be in the end")
	case kv.FailKeys:
		return problem("too-many-keys", http.StatusInsufficientStorage, f.Detail,
			"it was not applied now; send it without an idempotency key or, if nobody asks about it later than in ten minutes, under one that begins with "+paxos.CallKeyPrefix)
	case kv.FailWork:
		return problem("too-much-work", http.StatusRequestEntityTooLarge, f.Detail, "nothing was changed; do it in parts")
	case kv.FailTooLarge:
		return problem("value-too-large", http.StatusRequestEntityTooLarge, f.Detail, again)
	case kv.FailResult:
		return problem("result-too-large", http.StatusRequestEntityTooLarge, f.Detail, "nothing was changed; ask for less, with limits or keys only")
	}
	return problem("not-done", http.StatusUnprocessableEntity, f.Detail, again)
}
