package ctl

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"paxos/client"
)

// benchWorker is one of the clients of a bench, and what it remembers. Nobody else
// writes its keys.
type benchWorker struct {
	*bench
	id    int
	to    *client.Client
	dice  *rand.Rand
	last  uint64         // the number of its last write
	acked map[int]uint64 // the last write of each key that was acknowledged
	// doubt are the writes of each key of which nobody knows whether they are
	// applied, or will be: after later ones too.
	doubt map[int][]uint64
	names []string // idempotency keys of those
}

func newBenchWorker(b *bench, id int) *benchWorker {
	return &benchWorker{bench: b, id: id, to: b.lines[id%len(b.lines)], dice: rand.New(rand.NewPCG(uint64(id), 1)),
		acked: map[int]uint64{}, doubt: map[int][]uint64{}}
}

// How many of a hundred operations of mixed are puts, as in the bench against
// others; what is written at once before; and the pause after an error, so that
// nobody is asked a million times a second who refuses at once.
const (
	benchPutsOf100  = 5
	benchFillKeys   = 128
	benchFillBytes  = 256 << 10
	benchErrorPause = 5 * time.Millisecond
)

func (w *benchWorker) directory() string { return w.root + strconv.Itoa(w.id) + "/" }

func (w *benchWorker) key(n int) string { return w.directory() + strconv.Itoa(n) }

// work does one operation after the other until the time is over. The error is one
// that every further operation would give too.
func (w *benchWorker) work(ctx context.Context, end time.Time) error {
	for begun := time.Now(); begun.Before(end) && ctx.Err() == nil; begun = time.Now() {
		n, size := w.dice.IntN(w.keys), 0
		put := w.operation == benchPut || w.operation == benchMixed && w.dice.IntN(100) < benchPutsOf100
		tally, err := &w.gets, error(nil)
		if put {
			tally = &w.puts
			size, err = w.put(ctx, n)
		} else {
			size, err = w.get(ctx, n, w.consistency)
		}
		switch {
		case errors.Is(err, client.ErrBadRequest):
			return err
		case err != nil && ctx.Err() != nil:
			return nil // cut off by the user, and no error of the cluster's
		}
		tally.add(begun, time.Now(), size, err)
		if err != nil {
			pause := time.NewTimer(benchErrorPause)
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
		}
	}
	return nil
}

func (w *benchWorker) put(ctx context.Context, n int) (size int, err error) {
	w.last++
	value := w.values.of(w.id, w.last)
	ctx, cancel := w.limited(ctx)
	defer cancel()
	_, err = w.to.Put(ctx, w.key(n), value)
	w.learn(n, w.last, err)
	return len(value), err
}

// learn remembers what came of a write.
func (w *benchWorker) learn(n int, number uint64, err error) {
	switch {
	case err == nil:
		w.acked[n] = number
	case refusedForCertain(err) || errors.Is(err, client.ErrBadRequest):
	default:
		w.doubt[n] = append(w.doubt[n], number)
		if name := client.KeyOf(err); name != "" && !slices.Contains(w.names, name) {
			w.names = append(w.names, name)
		}
	}
}

// refusedForCertain reports whether nothing can come of what failed.
func refusedForCertain(err error) bool { return errors.Is(err, client.ErrUnavailable) }

// get reads a key, and compares what it reads if that is to be the latest.
func (w *benchWorker) get(ctx context.Context, n int, fresh client.Consistency) (size int, err error) {
	ctx, cancel := w.limited(ctx)
	defer cancel()
	got, err := w.to.Get(ctx, w.key(n), fresh)
	missing := errors.Is(err, client.ErrNotFound)
	if err != nil && !missing {
		return 0, err
	}
	text := got.Text()
	if fresh != client.Linearizable || w.mayRead(n, text, missing) {
		return len(text), nil
	}
	l := lostValue{Key: w.key(n)}
	if number, has := w.acked[n]; has {
		l.Acknowledged = shownValue(w.values.of(w.id, number))
	}
	if !missing {
		l.Read = shownValue(text)
	}
	w.lose(l)
	return len(text), nil
}

// mayRead reports whether a linearizable read may give this: the write that was
// acknowledged last, or one of which nobody knows.
func (w *benchWorker) mayRead(n int, text string, missing bool) bool {
	number, has := w.acked[n]
	if missing {
		return !has
	}
	return has && text == w.values.of(w.id, number) ||
		slices.ContainsFunc(w.doubt[n], func(number uint64) bool { return text == w.values.of(w.id, number) })
}

// fill writes every key, many at once where the cluster takes that.
func (w *benchWorker) fill(ctx context.Context) error {
	most := max(1, min(benchFillKeys, benchFillBytes/w.size))
	for from := 0; from < w.keys; {
		many := min(most, w.keys-from)
		err := w.putMany(ctx, from, many)
		switch {
		case errors.Is(err, client.ErrBadRequest) && many > 1:
			most = 1 // it may be that --max-operations is small there
			continue
		case err != nil:
			return err
		}
		from += many
	}
	return nil
}

// putMany puts the keys from, from+1, … in one transaction.
func (w *benchWorker) putMany(ctx context.Context, from, many int) error {
	first := w.last + 1
	var txn client.Txn
	for n := from; n < from+many; n++ {
		w.last++
		value := w.values.of(w.id, w.last)
		txn.Then = append(txn.Then, client.Operation{Put: &client.PutOp{Key: w.key(n), Value: &value}})
	}
	ctx, cancel := w.limited(ctx)
	defer cancel()
	_, err := w.to.Txn(ctx, txn)
	for i := range many {
		w.learn(from+i, first+uint64(i), err)
	}
	return err
}

// clean burns what may still come, and deletes what is there.
func (w *benchWorker) clean(ctx context.Context) error {
	for _, name := range w.names {
		if err := w.patiently(ctx, func(ctx context.Context) error { _, err := w.to.Burn(ctx, name); return err }); err != nil {
			return err
		}
	}
	return w.patiently(ctx, func(ctx context.Context) error { _, err := w.to.DeletePrefix(ctx, w.directory()); return err })
}

// patiently tries for as long as an operation is tried.
func (w *benchWorker) patiently(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(w.timeout, benchCleanPatience))
	defer cancel()
	return do(ctx)
}

// benchValues are texts that say who wrote them, and when in that writer's own
// order, if there is room; behind that stand letters that hardly compress.
type benchValues struct {
	pool string
	size int
}

const (
	benchLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	benchPool    = 1 << 16
	// benchRoom is the size from which on a value says whose it is: 1023, a dot,
	// 20 digits and a dot.
	benchRoom = 26
)

func newBenchValues(size int) benchValues {
	dice := rand.New(rand.NewPCG(1, 2))
	pool := make([]byte, benchPool+size)
	for i := range pool {
		pool[i] = benchLetters[dice.Uint32()>>26]
	}
	return benchValues{string(pool), size}
}

// of is the value of a worker's write of that number, always the same.
func (v benchValues) of(worker int, number uint64) string {
	mixed := (number + uint64(worker)<<40) * 0x9e3779b97f4a7c15
	at := int((mixed ^ mixed>>29) % benchPool)
	if v.size < benchRoom {
		return v.pool[at : at+v.size]
	}
	b := make([]byte, 0, v.size)
	b = append(strconv.AppendInt(b, int64(worker), 10), '.')
	b = append(strconv.AppendUint(b, number, 10), '.')
	return string(append(b, v.pool[at:at+v.size-len(b)]...))
}
