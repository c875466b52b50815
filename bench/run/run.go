package run

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"paxos/bench/report"
	"paxos/internal/figures"
)

// bench is a run.
type bench struct {
	settings
	kit    *kit
	only   map[string]bool // systems; all if it is empty
	pairs  int
	stderr io.Writer

	mu    sync.Mutex
	doing string
}

// say tells of something that has happened, status of what is being done, which
// is said again every ten seconds.
func (b *bench) say(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprintf(b.stderr, "%s %s\n", time.Now().UTC().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

func (b *bench) status(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doing = fmt.Sprintf(format, args...)
}

func (b *bench) ticking(ctx context.Context) {
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			b.mu.Lock()
			doing := b.doing
			b.mu.Unlock()
			b.say("… %s", doing)
		}
	}
}

// wants says whether a system takes part.
func (b *bench) wants(c report.Cell) bool {
	kind, _, _ := strings.Cut(c.System, "/")
	return len(b.only) == 0 || b.only[c.System] || b.only[kind]
}

// rows measures rows, pair by pair. In a pair every cell is measured once, however
// many rows need it, and those that a row compares stand as close together as can
// be: the machine of now is another one than that of ten minutes ago. If ctx ends,
// it gives what there is.
func (b *bench) rows(ctx context.Context, rows []report.Row) ([]report.Comparison, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go b.ticking(ctx)
	list := make([]report.Comparison, len(rows))
	machine, err := report.ThisMachine(b.dir)
	if err != nil {
		return nil, err
	}
	leg := figures.NewLeg(time.Now())
	for i, r := range rows {
		list[i] = report.Comparison{Row: r, Source: report.Source{Command: leg.Command, Commit: leg.Commit, Date: time.Now().UTC().Format(time.DateTime), Machine: machine}}
	}
	for pair := range b.pairs {
		had := map[report.Cell]report.Result{}
		for i, row := range rows {
			// Rows without a demand are measured once.
			if row.AtLeast == 0 && pair > 0 {
				continue
			}
			b.say("pair %d of %d: %s", pair+1, b.pairs, row.Name)
			p, err := b.pair(ctx, row, had)
			if err != nil {
				return list, err
			}
			list[i].Pairs = append(list[i].Pairs, p)
		}
	}
	return list, nil
}

// pair measures one row once.
func (b *bench) pair(ctx context.Context, row report.Row, had map[report.Cell]report.Result) (p report.Pair, err error) {
	once := func(c report.Cell) (report.Result, error) {
		if r, ok := had[c]; ok {
			return r, nil
		}
		if !b.wants(c) {
			return report.Result{Cell: c, Failed: leftOut}, nil
		}
		r, err := b.measure(ctx, c)
		if err == nil {
			had[c] = r
		}
		return r, err
	}
	if p.Ours, err = once(row.Ours); err != nil {
		return p, err
	}
	for _, c := range row.Peers {
		r, err := once(c)
		if err != nil {
			return p, err
		}
		p.Peers = append(p.Peers, r)
	}
	return p, nil
}

// leftOut is why a result is not there that nobody wanted.
const leftOut = "left out by -only"

// lost says whether a result failed for a reason that makes the whole run fail.
func lost(list []report.Comparison) (reasons []string) {
	for _, c := range list {
		for _, p := range c.Pairs {
			for _, r := range append([]report.Result{p.Ours}, p.Peers...) {
				if r.Failed != "" && r.Failed != leftOut && !slices.Contains(reasons, r.Cell.String()+": "+r.Failed) {
					reasons = append(reasons, r.Cell.String()+": "+r.Failed)
				}
			}
		}
	}
	return reasons
}

// scratch makes the directory for all data of a run.
func scratch(dir string) (string, error) {
	if _, err := report.FileSystem(dir); err != nil {
		return "", err
	}
	return os.MkdirTemp(dir, "bench-data-")
}
