package ctl

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"paxos/client"
)

// bench is one run of the command.
type bench struct {
	*benching
	root       string // what all its keys begin with
	values     benchValues
	lines      []*client.Client // each a connection that some of the workers share
	workers    []*benchWorker
	puts, gets benchTally
	begin      time.Time     // of what is counted
	counted    time.Duration // how long it was
	checked    int           // keys that were read back

	mu    sync.Mutex
	lost  []lostValue // the first ones
	count int         // of lost values
	bad   error       // a request that is wrong, as the next one would be
}

// Between two lines that say how it goes; the most that cleaning up may take, and
// one step of it without --timeout; how many do that, or read back, at a time, and
// how many write what is there before.
const (
	benchTellEvery     = 2 * time.Second
	benchCleanTime     = 30 * time.Second
	benchCleanPatience = 10 * time.Second
	benchAtOnce        = 64
	benchFillers       = 8
)

// run does all of it. What it wrote is deleted however it ends, but not where a
// value is lost: what is left is evidence then.
func (f *benching) run(ctx context.Context, p *place) error {
	b := &bench{benching: f, root: f.prefix + strings.ToLower(rand.Text()[:8]) + "/", values: newBenchValues(f.size)}
	var err error
	if b.lines, err = p.connections(f.clients); err != nil {
		return err
	}
	for _, c := range b.lines {
		defer c.Close()
	}
	for i := range f.clients {
		b.workers = append(b.workers, newBenchWorker(b, i))
	}
	f.announce(p, b.root)
	err = b.measure(ctx)
	if b.count > 0 {
		return b.lostError()
	}
	if left := b.clean(context.WithoutCancel(ctx)); left != nil {
		if err == nil && ctx.Err() == nil {
			return left
		}
		sentence, hint := explain(left)
		f.note("%s; %s", sentence, hint)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// measure prepares, loads, reads back and prints.
func (b *bench) measure(ctx context.Context) error {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	b.load(ctx)
	if b.bad != nil {
		return b.bad
	}
	var unread error
	if ctx.Err() == nil && b.operation != benchGet {
		unread = b.readBack(ctx)
	}
	if err := b.printResult(ctx.Err() != nil); err != nil {
		return err
	}
	last := b.lastError()
	if last != nil {
		sentence, _ := explain(last)
		b.note("the last error: %s", sentence)
	}
	switch {
	case ctx.Err() != nil || b.count > 0:
		return nil
	case last != nil && b.puts.count+b.gets.count == 0:
		return benchFailed(last, "nothing was done in %v", b.counted)
	case unread != nil:
		return benchFailed(unread, "what was acknowledged could not be read back")
	}
	return nil
}

// benchFailed says what could not be done because of an error of the cluster's.
func benchFailed(because error, format string, args ...any) error {
	sentence, _ := explain(because)
	f := &failure{code: exitCode(because), hint: "paxosctl explain tells why", err: fmt.Errorf("%s: %s", fmt.Sprintf(format, args...), sentence)}
	return f.because(because)
}

// prepare writes every key where reads follow, and else one, which tells whether
// the cluster takes what will be sent.
func (b *bench) prepare(ctx context.Context) error {
	if b.operation == benchPut {
		_, err := b.workers[0].put(ctx, 0)
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(benchFillers) // large transactions: more at once would only wait for one another
	for _, w := range b.workers {
		g.Go(func() error { return w.fill(ctx) })
	}
	return g.Wait()
}

// load lets the workers work until the time is over, or ctx ends.
func (b *bench) load(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	b.begin = time.Now().Add(benchWarmUp)
	end := b.begin.Add(b.length)
	b.puts.begin(b.begin, end)
	b.gets.begin(b.begin, end)
	var all, telling sync.WaitGroup
	for _, w := range b.workers {
		all.Go(func() {
			if err := w.work(ctx, end); err != nil {
				b.mu.Lock()
				b.bad = err
				b.mu.Unlock()
				stop()
			}
		})
	}
	over := make(chan struct{})
	telling.Go(func() { b.tell(over) })
	all.Wait()
	close(over)
	telling.Wait()
	b.counted = min(max(time.Since(b.begin), 0), b.length)
}

// tell says how it goes, where a person looks.
func (b *bench) tell(over <-chan struct{}) {
	if !b.verbose && !isTerminal(b.Err) {
		return
	}
	ticker := time.NewTicker(benchTellEvery)
	defer ticker.Stop()
	before := 0
	for {
		select {
		case <-over:
			return
		case <-ticker.C:
		}
		done, errs := b.puts.progress()
		more, others := b.gets.progress()
		done, errs = done+more, errs+others
		b.note("%v: %.0f op/s, %s", time.Since(b.begin).Round(time.Second), float64(done-before)/benchTellEvery.Seconds(), counted(errs, "error"))
		before = done
	}
}

// lose takes down a value that is not what was acknowledged.
func (b *bench) lose(l lostValue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count++
	if len(b.lost) < mostLostShown {
		b.lost = append(b.lost, l)
	}
}

func (b *bench) lostError() error {
	return failed(ExitError, "nothing was deleted, so that it can be looked at: paxosctl audit looks for broken promises; paxosctl del --prefix "+quoted(b.root)+" deletes it",
		"%s lost: %v", counted(b.count, "acknowledged value"), b.lost[0])
}

// readBack reads keys whose values were acknowledged, evenly chosen if there are
// too many.
func (b *bench) readBack(ctx context.Context) error {
	known := 0
	for _, w := range b.workers {
		known += len(w.acked)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(benchAtOnce)
	want, seen := min(known, mostReadBack), 0
	for _, w := range b.workers {
		for n := range w.acked {
			if seen++; seen*want/known == (seen-1)*want/known {
				continue
			}
			b.checked++
			g.Go(func() error {
				_, err := w.get(ctx, n, client.Linearizable)
				return err
			})
		}
	}
	err := g.Wait()
	if err != nil {
		b.checked = 0
	}
	return err
}

// clean deletes what was written. A write of which nobody knows is burnt first:
// it could come after the deletion.
func (b *bench) clean(ctx context.Context) error {
	if b.keep {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, benchCleanTime)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(benchAtOnce)
	for _, w := range b.workers {
		if len(w.acked)+len(w.doubt) > 0 {
			g.Go(func() error { return w.clean(ctx) })
		}
	}
	if err := g.Wait(); err != nil {
		sentence, _ := explain(err)
		return failed(exitCode(err), "paxosctl del --prefix "+quoted(b.root)+" deletes it",
			"what was written below %s is not all deleted: %s", b.root, sentence)
	}
	return nil
}

// lastError is one of what went wrong with operations, nil if nothing did.
func (b *bench) lastError() error { return errors.Join(b.puts.last, b.gets.last) }
