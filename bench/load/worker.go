package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"paxos/bench/system"
	"paxos/internal/quantile"
)

// worker is a user and what it remembers. Nobody else writes its keys.
type worker struct {
	id   int
	user system.User
	// reader is another user, who may be connected to another server: what was
	// acknowledged at one must be seen at the next.
	reader system.User
	crowd  *Crowd
	dice   *rand.Rand
	keys   []string
	// acked is the sequence number of the last acknowledged value of each key, 0 if
	// there is none; sent that of the last one that was sent. An outcome that is
	// unknown may be either, or one in between.
	acked, sent []uint64
	// doubt is the lowest number whose outcome nobody knows, by key: it may take
	// effect at any time, after later ones too.
	doubt map[int]uint64
	seq   uint64
	seen  int64 // of a witness: how often it read what it had written
	added int64 // increments that were acknowledged
	asked int64 // increments that were sent

	op               Op
	begin            time.Time
	interval         time.Duration
	counts           []int64
	latency, refused quantile.Histogram
	errors           map[string]int64
	wrong            error // the first answer that cannot be
	value, scratch   []byte
	batchKeys        []string
	batchValues      [][]byte
}

func newWorker(id int, user system.User, c *Crowd) *worker {
	w := &worker{id: id, user: user, crowd: c, dice: rand.New(rand.NewPCG(uint64(id), 7)),
		acked: make([]uint64, c.spec.Keys), sent: make([]uint64, c.spec.Keys), errors: map[string]int64{}, doubt: map[int]uint64{}}
	for n := range c.spec.Keys {
		w.keys = append(w.keys, key(id, n))
	}
	return w
}

func (w *worker) reset(s Spec, begin time.Time) {
	w.op, w.begin, w.interval = s.Op, begin, s.Interval
	w.counts, w.latency, w.refused, w.errors = make([]int64, s.Intervals), quantile.Histogram{}, quantile.Histogram{}, map[string]int64{}
}

// errNoAnswer ends an operation whose answer did not come, long after the end.
var errNoAnswer = errors.New("no answer")

// pause is how long a user waits after an error: a server that refuses at once
// must not be asked a million times a second.
const pause = 5 * time.Millisecond

func (w *worker) run(ctx context.Context, stop *atomic.Bool) {
	for !stop.Load() && ctx.Err() == nil {
		begun := time.Now()
		if p := w.crowd.pace; p != nil {
			due := p.next()
			if wait(ctx, time.Until(due)) != nil || stop.Load() {
				return
			}
			begun = due
		}
		n, err := w.limited(ctx)
		if ctx.Err() != nil {
			if errors.Is(context.Cause(ctx), errNoAnswer) {
				w.count(begun, time.Now(), 0, errNoAnswer)
			}
			return // cut off by the bench itself
		}
		ended := time.Now()
		if err == nil && w.crowd.spec.Acked != nil {
			w.crowd.spec.Acked(ended)
		}
		w.count(begun, ended, int64(n), err)
		if err != nil {
			_ = wait(ctx, pause)
		}
	}
}

// limited does one operation, for which a user has so much patience: a user whose
// server has died asks the next one.
func (w *worker) limited(ctx context.Context) (int, error) {
	if w.crowd.spec.Patience == 0 {
		return w.one(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, w.crowd.spec.Patience)
	defer cancel()
	for {
		n, err := w.one(ctx)
		if err == nil || wait(ctx, pause) != nil {
			return n, err
		}
	}
}

// count files an operation. A rate is of what ended in each interval; how long
// things took, and what went wrong, is of what began in the counted time: who
// hangs for longer than that would be nowhere else.
func (w *worker) count(begun, ended time.Time, n int64, err error) {
	if errors.Is(err, ErrOld) && w.wrong == nil {
		w.wrong = err // whenever it was
	}
	if _, counts := w.intervalOf(begun); counts && err != nil {
		w.errors[kind(err)]++
		w.refused.Add(ended.Sub(begun))
	} else if counts {
		w.latency.Add(ended.Sub(begun))
	}
	if i, counts := w.intervalOf(ended); counts && err == nil {
		w.counts[i] += n
	}
}

// intervalOf is in which interval of the counted time a moment is.
func (w *worker) intervalOf(at time.Time) (int, bool) {
	since := at.Sub(w.begin)
	i := int(since / w.interval)
	return i, since >= 0 && i < len(w.counts)
}

// one does one operation and gives for how many it counts.
func (w *worker) one(ctx context.Context) (int, error) {
	n := w.dice.IntN(len(w.keys))
	switch w.op {
	case Put:
		return 1, w.put(ctx, n)
	case Get, StaleGet:
		return 1, w.get(ctx, n, w.op == StaleGet)
	case Mixed:
		if w.dice.IntN(100) < 5 {
			return 1, w.put(ctx, n)
		}
		return 1, w.getBy(ctx, w.reader, n, false)
	case Incr:
		w.asked++
		err := w.user.Increment(ctx, counterKey)
		if err == nil {
			w.added++
		}
		return 1, err
	case Batch:
		return BatchSize, w.batch(ctx, w.dice.IntN(len(w.keys)-BatchSize+1), BatchSize)
	}
	return 0, fmt.Errorf("there is no operation %q", w.op)
}

func (w *worker) put(ctx context.Context, n int) error {
	w.seq++
	w.value = w.crowd.values.Append(w.value[:0], w.id, w.seq)
	w.sent[n] = w.seq
	err := w.user.Put(ctx, w.keys[n], w.value)
	w.learn(n, w.seq, err)
	return err
}

// learn remembers what came of a write.
func (w *worker) learn(n int, seq uint64, err error) {
	if err == nil {
		w.acked[n] = seq
	} else if _, has := w.doubt[n]; !has {
		w.doubt[n] = seq
	}
}

// batch puts the keys from, from+1, … in one request.
func (w *worker) batch(ctx context.Context, from, many int) error {
	w.batchKeys, w.batchValues = w.batchKeys[:0], w.batchValues[:0]
	first := w.seq + 1
	w.value = w.value[:0]
	for i := range many {
		w.seq++
		at := len(w.value)
		w.value = w.crowd.values.Append(w.value, w.id, w.seq)
		w.sent[from+i] = w.seq
		w.batchKeys = append(w.batchKeys, w.keys[from+i])
		w.batchValues = append(w.batchValues, w.value[at:len(w.value):len(w.value)])
	}
	err := w.user.PutAll(ctx, w.batchKeys, w.batchValues)
	if errors.Is(err, system.ErrNot) {
		return err // nothing was sent: of no key there is a doubt
	}
	for i := range many {
		w.learn(from+i, first+uint64(i), err)
	}
	return err
}

// ErrOld means that a read gave something else than it may.
var ErrOld = errors.New("a read gave the wrong value")

// get reads a key. Nobody else writes it, so what a linearizable read may give is
// known; a stale one may give any value that was ever sent.
func (w *worker) get(ctx context.Context, n int, stale bool) error {
	return w.getBy(ctx, w.user, n, stale)
}

func (w *worker) getBy(ctx context.Context, user system.User, n int, stale bool) error {
	least := w.acked[n]
	if seq, has := w.doubt[n]; has {
		least = min(least, seq)
	}
	value, err := user.Get(ctx, w.keys[n], stale)
	switch {
	case errors.Is(err, system.ErrMissing) && (least == 0 || stale):
		return nil
	case errors.Is(err, system.ErrMissing):
		return fmt.Errorf("%w: %s is missing, but its value %d was acknowledged", ErrOld, w.keys[n], least)
	case err != nil:
		return err
	}
	seq, ok := w.crowd.values.Read(value, w.id, w.scratchFor())
	switch {
	case !ok:
		return fmt.Errorf("%w: %s has a value that was never sent: %.60q", ErrOld, w.keys[n], value)
	case seq > w.sent[n], !stale && seq < least:
		return fmt.Errorf("%w: %s has the value %d; %d was acknowledged last, %d sent last", ErrOld, w.keys[n], seq, least, w.sent[n])
	}
	return nil
}

func (w *worker) scratchFor() []byte {
	if w.scratch == nil {
		w.scratch = make([]byte, 0, w.crowd.values.size)
	}
	return w.scratch
}

// fill writes every key, in batches where the system has them.
func (w *worker) fill(ctx context.Context) error {
	for from := 0; from < len(w.keys); {
		many := min(BatchSize, len(w.keys)-from)
		err := w.patiently(ctx, func(ctx context.Context) error { return w.batch(ctx, from, many) })
		if errors.Is(err, system.ErrNot) {
			many = 1
			err = w.patiently(ctx, func(ctx context.Context) error { return w.put(ctx, from) })
		}
		if err != nil {
			return fmt.Errorf("%s: %w", w.keys[from], err)
		}
		from += many
	}
	return nil
}

// patience is how long something outside the counted time is tried again, and
// oneTry how long an answer is waited for: whoever asks a server that is stopped
// gets none.
const (
	patience = 15 * time.Second
	oneTry   = 5 * time.Second
)

func (w *worker) patiently(ctx context.Context, do func(context.Context) error) error {
	until := time.Now().Add(patience)
	for {
		one, done := context.WithTimeout(ctx, oneTry)
		err := do(one)
		done()
		if err == nil || errors.Is(err, system.ErrNot) || errors.Is(err, ErrOld) || time.Now().After(until) {
			return err
		}
		if wait(ctx, 50*time.Millisecond) != nil {
			return err
		}
	}
}
