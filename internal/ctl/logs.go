package ctl

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"paxos/client"
	"paxos/paxos"
)

// logging are the flags of logs.
type logging struct {
	*app
	follow bool
	kinds  []string
	since  time.Duration
	limit  int
}

// mostEvents is the largest page of a node.
const mostEvents = 10000

func (a *app) logs() *cobra.Command {
	l := &logging{app: a}
	cmd := &cobra.Command{
		Use: "logs [NODE...]", Short: "Shows the protocol events of all nodes, in the order of time.",
		Long: "Shows the protocol events of all nodes, or of those named, each once, in the order of their clocks. With\n" +
			"--follow it goes on as they happen, finds nodes that come and go, and ends with Ctrl-C. With -o json there\n" +
			"is one JSON object a line.\n\n" + aboutExits(),
		Example: "  paxosctl logs --limit 20\n  paxosctl logs --follow --kind prepare,promise,elected\n  paxosctl logs proposer1 proposer2 --since 10s -o json",
	}
	cmd.Flags().BoolVarP(&l.follow, "follow", "f", false, "go on as events happen")
	cmd.Flags().StringSliceVar(&l.kinds, "kind", nil, "only events of these kinds, such as prepare,accept,chosen")
	cmd.Flags().DurationVar(&l.since, "since", 0, "only events that are not older, such as 10s or 5m")
	cmd.Flags().IntVar(&l.limit, "limit", 100, "at most so many events of each node to begin with, 1 to 10000")
	a.proposersFlag(cmd)
	a.acceptorsFlag(cmd)
	a.remoteFlags(cmd)
	cmd.ValidArgsFunction = a.completeNodes(false)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if l.limit < 1 || l.limit > mostEvents {
			return usage("--limit %d is not between 1 and %d", l.limit, mostEvents)
		}
		if l.since < 0 {
			return usage("--since %v is negative", l.since)
		}
		for _, k := range l.kinds {
			var kind paxos.EventKind
			if err := kind.UnmarshalText([]byte(k)); err != nil {
				return usage("--kind: %w", err)
			}
		}
		if cmd.Flags().Changed("since") && !cmd.Flags().Changed("limit") {
			l.limit = mostEvents
		}
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		if l.follow {
			return l.followAll(ctx, p, args)
		}
		return l.once(ctx, p, args)
	}
	return cmd
}

// chosen gives the nodes that args name, all without args.
func (l *logging) chosen(ctx context.Context, p *place, args []string) ([]target, error) {
	all, err := l.nodes(ctx, p)
	if err != nil || len(args) == 0 {
		return all, err
	}
	var list []target
	for _, arg := range args {
		i := slices.IndexFunc(all, func(t target) bool { return string(t.ID) == arg })
		if i < 0 {
			return nil, failed(ExitNotFound, "paxosctl members shows who is there", "there is no node %q", arg)
		}
		list = append(list, all[i])
	}
	return list, nil
}

func (l *logging) which() client.Events { return client.Events{Limit: l.limit, Kinds: l.kinds} }

// wanted reports whether an event is young enough. Nodes' clocks decide.
func (l *logging) wanted(e client.Event, now time.Time) bool {
	if l.since == 0 {
		return true
	}
	at, err := time.Parse(time.RFC3339Nano, e.Time)
	return err != nil || now.Sub(at) <= l.since
}

func (l *logging) once(ctx context.Context, p *place, args []string) error {
	list, err := l.chosen(ctx, p, args)
	if err != nil {
		return err
	}
	var events []client.Event
	silent, last := 0, error(nil)
	now := time.Now()
	for _, t := range list {
		log, err := p.Events(ctx, t.Address, l.which())
		if err != nil {
			sentence, _ := explain(err)
			l.note("%s does not answer: %s", t.ID, sentence)
			silent, last = silent+1, err
			continue
		}
		for _, e := range log.Events {
			if l.wanted(e, now) {
				events = append(events, e)
			}
		}
	}
	if silent == len(list) && last != nil {
		return last
	}
	slices.SortStableFunc(events, earlier)
	for _, e := range events {
		if err := l.write(e); err != nil {
			return err
		}
	}
	return nil
}

// earlier orders events by their nodes' clocks.
func earlier(a, b client.Event) int {
	return cmp.Or(strings.Compare(a.Time, b.Time), strings.Compare(string(a.Node), string(b.Node)), cmp.Compare(a.Number, b.Number))
}

// write shows one event on a line.
func (l *logging) write(e client.Event) error {
	if l.output == "json" {
		return l.printJSON(e, "")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-10s %-12s", e.Time, e.Node, e.Kind)
	if e.Peer != "" {
		fmt.Fprintf(&b, " peer=%s", e.Peer)
	}
	if e.Ballot != "" {
		fmt.Fprintf(&b, " ballot=%s", e.Ballot)
	}
	if e.Slot != 0 {
		fmt.Fprintf(&b, " slot=%d", e.Slot)
	}
	if e.Count != 0 {
		fmt.Fprintf(&b, " count=%d", e.Count)
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, " reason=%s", e.Reason)
	}
	_, err := fmt.Fprintln(l.Out, strings.TrimRight(b.String(), " "))
	return err
}

// How often a follower looks for nodes, and tries one again that is silent.
const (
	lookEvery  = 2 * time.Second
	againEvery = 300 * time.Millisecond
)

// followAll follows every node, each on its own, until ctx ends.
func (l *logging) followAll(ctx context.Context, p *place, args []string) error {
	if _, err := l.chosen(ctx, p, args); err != nil {
		return err
	}
	outer := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	events, merged := make(chan client.Event), make(chan struct{})
	go func() {
		defer close(merged)
		ticker := time.NewTicker(mergeWindow / 8)
		defer ticker.Stop()
		merge(events, ticker.C, func(e client.Event) error {
			err := l.write(e)
			if err != nil {
				cancel(err)
			}
			return err
		})
	}()
	addresses := map[paxos.NodeID]*current{}
	for tick := time.NewTicker(lookEvery); ; {
		list, err := l.chosen(ctx, p, args)
		if err == nil {
			for _, t := range list {
				if at := addresses[t.ID]; at != nil {
					at.set(t.Address)
					continue
				}
				at := &current{address: t.Address}
				addresses[t.ID] = at
				group.Go(func() { l.followNode(ctx, p, t.ID, at, events) })
			}
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		}
		tick.Stop()
		group.Wait()
		close(events)
		<-merged
		if outer.Err() != nil {
			return nil // Ctrl-C, or --timeout, is how following ends
		}
		return context.Cause(ctx)
	}
}

// current is where a node is now.
type current struct {
	mu      sync.Mutex
	address string
}

func (c *current) set(a string) { c.mu.Lock(); c.address = a; c.mu.Unlock() }

func (c *current) get() string { c.mu.Lock(); defer c.mu.Unlock(); return c.address }

// followNode follows one node through its restarts, at which its events are
// counted from 1 again, until ctx ends.
func (l *logging) followNode(ctx context.Context, p *place, id paxos.NodeID, at *current, events chan<- client.Event) {
	ticker := time.NewTicker(againEvery)
	defer ticker.Stop()
	which, run := l.which(), ""
	for ctx.Err() == nil {
		if h, err := p.Health(ctx, at.get()); err == nil && h.Node == id {
			if run != "" && run != h.Start {
				which.Since, which.FromStart = 0, true
			}
			run = h.Start
			for e, err := range p.Follow(ctx, at.get(), which) {
				if err != nil {
					break
				}
				which.Since = uint64(e.Number)
				if l.wanted(e, time.Now()) {
					events <- e
				}
			}
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}
