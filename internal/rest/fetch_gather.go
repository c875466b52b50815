package rest

import "time"

// gathered is how many reads are worth a write, however many are under way, and
// gatherMost how long one waits for others, whatever becomes of those under way.
const (
	gathered   = 64
	gatherMost = 5 * time.Millisecond
)

// wakeWriter lets the reads be written, unless they are few beside those that wait
// for the same acceptors as they will: their answers bring more, and a question
// costs the same for one read as for a hundred. It is called with mu, whenever
// that may have changed, and reports whether they wait.
func (l *line) wakeWriter() (wait bool) {
	if l.queued == 0 {
		return false
	}
	if wait = !l.hasty && l.queued < min((l.strong-l.queued)/2, gathered); !wait {
		tell(l.wake)
	}
	return wait
}

// queue counts a read in that was written down. It is called with mu.
func (l *line) queue(w *waiting) {
	l.queued++
	if w.strong {
		l.strong++
	} else {
		l.hasty = true
	}
	if l.wakeWriter() && l.queued == 1 {
		l.late.Reset(gatherMost) // once: an answer to others gives no delay anew
	}
}

// takeQueued gives the reads that are to be written, and takes room for the next
// ones. It is called with mu.
func (l *line) takeQueued(room []byte) []byte {
	out := l.out
	l.lines.crowd.Add(l.queued)
	l.out, l.queued, l.hasty = room[:0], 0, false
	return out
}

// took notes that nobody waits any more. It is called with mu.
func (l *line) took(id uint64, w *waiting) {
	delete(l.waiting, id)
	if w.strong {
		l.strong--
	}
	l.wakeWriter()
}
