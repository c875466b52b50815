package paxos

import "fmt"

// Life says which acceptor speaks, of all that ever ran with its disk, and how
// far that disk was written when it spoke. It goes with every word of a voter.
type Life struct {
	// Starts counts the starts with this disk, this one included: never 0. Run
	// is random bits, drawn for this start.
	Starts Number  `json:"starts"`
	Run    StartID `json:"run"`
	// Position is how many records the journal was ever given, all of them
	// durable before this word left; Began is what it was when this start began.
	Began    Number `json:"began"`
	Position Number `json:"position"`
}

// Lives notices disks that were rolled back or copied, as far as that shows in
// what their acceptors say (docs/protocol.md, Clones). It is what one observer
// heard since it was started, and no more.
//
// Of a disk that nobody tampers with, two things hold, through crashes at any
// point. The count of starts is durable before a start says anything, and grows
// with each: so one count has one Run. And the Position that a start says is
// durable, so every later start Began there or above. Messages that are late,
// doubled or reordered change nothing of this, for what is compared is what they
// say, and never when they come. So a disk of which either does not hold was
// tampered with, and an ordinary one is never taken for such.
type Lives struct {
	heard map[StoreOf]*lifetime
}

// lifetime is the latest start that was heard of a disk, and the highest
// position that it or an earlier one told.
type lifetime struct {
	Life
	why string // it is refused for good
}

// Clone is an acceptor whose disk was rolled back or copied.
type Clone struct {
	Node NodeID `json:"node"`
	Why  string `json:"why"`
}

// Hear reports whether a word counts that was said by the acceptor from, with
// this disk, in this life. It does not when it is late, said by a process that
// has ended; nor when the disk was found to be a clone, now or before: which of
// the two is right cannot be known, so neither is heard any more.
func (l *Lives) Hear(from NodeID, store StoreID, life Life) bool {
	if life.Starts == 0 {
		return false
	}
	of := StoreOf{from, store}
	h := l.heard[of]
	if h == nil {
		if l.heard == nil {
			l.heard = map[StoreOf]*lifetime{}
		}
		l.heard[of] = &lifetime{Life: life}
		return true
	}
	if h.why == "" {
		h.why = h.contradiction(life)
	}
	if h.why != "" || life.Starts < h.Starts {
		return false
	}
	life.Position = max(life.Position, h.Position)
	h.Life = life
	return true
}

// contradiction says why a life and what was heard before are not of one disk
// with one past, "" if they may be.
func (h *lifetime) contradiction(life Life) string {
	switch {
	case life.Starts == h.Starts && life.Run != h.Run:
		return fmt.Sprintf("two processes began with one state of it: start %d is both run %v and run %v", life.Starts, h.Run, life.Run)
	case life.Starts > h.Starts && life.Began < h.Position:
		return fmt.Sprintf("it went back: it had %d records before, and %d when start %d began", h.Position, life.Began, life.Starts)
	case life.Starts < h.Starts && life.Position > h.Began:
		return fmt.Sprintf("there are two of it: start %d has %d records, and start %d began with %d", life.Starts, life.Position, h.Starts, h.Began)
	}
	return ""
}

// Why says why the words of an acceptor with this disk are refused for good, ""
// if they are not.
func (l *Lives) Why(from NodeID, store StoreID) string {
	if h := l.heard[StoreOf{from, store}]; h != nil {
		return h.why
	}
	return ""
}

// Clones lists those of the given disks that are refused, in their order.
func (l *Lives) Clones(stores []StoreOf) []Clone {
	list := []Clone{}
	for _, s := range stores {
		if why := l.Why(s.Acceptor, s.Store); why != "" {
			list = append(list, Clone{s.Acceptor, why})
		}
	}
	return list
}
