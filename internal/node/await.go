package node

import "context"

type awaited struct {
	ctx  context.Context
	ok   func() bool
	done chan struct{}
}

// Await waits until ok, which is called in the loop after every turn, reports
// true.
func (l *Loop) Await(ctx context.Context, ok func() bool) error {
	w := &awaited{ctx: ctx, ok: ok, done: make(chan struct{})}
	if err := l.inbox.put(ctx, Item{inspect: func() { l.awaited = append(l.awaited, w) }}); err != nil {
		return err
	}
	return l.wait(ctx, w.done)
}

func (l *Loop) checkAwaited() {
	kept := l.awaited[:0]
	for _, w := range l.awaited {
		switch {
		case w.ctx.Err() != nil:
		case w.ok():
			close(w.done)
		default:
			kept = append(kept, w)
		}
	}
	clear(l.awaited[len(kept):])
	l.awaited = kept
}
