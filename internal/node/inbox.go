package node

import (
	"context"
	"sync"
)

// inbox is what waits for the loop: a list that a turn takes as a whole, so that
// an item costs no channel of its own.
type inbox struct {
	room int
	wake chan struct{} // room for one: something came

	mu     sync.Mutex
	items  []Item
	closed bool
	freed  chan struct{} // closed when the list was taken; nil if nobody waits for it
}

func newInbox(room int) inbox { return inbox{room: room, wake: make(chan struct{}, 1)} }

// put waits while there is no room.
func (in *inbox) put(ctx context.Context, item Item) error {
	for {
		freed, err := in.tryPut(item, true)
		if freed == nil {
			return err
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// putAll puts what there is room for at once, and waits with the others.
func (in *inbox) putAll(ctx context.Context, items []Item) (taken int, err error) {
	in.mu.Lock()
	if !in.closed && len(in.items)+len(items) <= in.room {
		in.add(items...)
		return len(items), nil
	}
	in.mu.Unlock()
	for i := range items {
		if err := in.put(ctx, items[i]); err != nil {
			return i, err
		}
	}
	return len(items), nil
}

// tryPut gives ErrFull when there is no room, and, to one who would wait, what
// is closed when there may be some.
func (in *inbox) tryPut(item Item, wait bool) (freed chan struct{}, err error) {
	in.mu.Lock()
	switch {
	case in.closed:
		in.mu.Unlock()
		return nil, ErrStopped
	case len(in.items) >= in.room:
		if wait && in.freed == nil {
			in.freed = make(chan struct{})
		}
		if wait {
			freed = in.freed
		}
		in.mu.Unlock()
		return freed, ErrFull
	}
	in.add(item)
	return nil, nil
}

// force puts an item where there is no room either, if the loop still runs.
func (in *inbox) force(item Item) {
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		return
	}
	in.add(item)
}

// add needs the lock and gives it back.
func (in *inbox) add(items ...Item) {
	first := len(in.items) == 0 && len(items) > 0
	in.items = append(in.items, items...)
	in.mu.Unlock()
	if !first {
		return // whoever put the first one has woken the loop
	}
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// take gives all that waits, and keeps the list that was taken before, which
// has been dealt with, for what comes.
func (in *inbox) take(before []Item) []Item {
	clear(before)
	in.mu.Lock()
	defer in.mu.Unlock()
	taken := in.items
	in.items = before[:0]
	in.free()
	return taken
}

// free lets in those who wait for room.
func (in *inbox) free() {
	if in.freed != nil {
		close(in.freed)
		in.freed = nil
	}
}

// close lets nothing in any more, and gives what waits.
func (in *inbox) close() []Item {
	in.mu.Lock()
	defer in.mu.Unlock()
	left := in.items
	in.items, in.closed = nil, true
	in.free()
	return left
}

func (in *inbox) waiting() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.items)
}
