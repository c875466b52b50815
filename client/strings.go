package client

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What people read where a program prints an answer: one line, with every text
// quoted, so that nothing in it can be taken for something else. Types that
// embed others have a String of their own, or they would print as a part.

// mostPrinted is how many bytes of a value are printed.
const mostPrinted = 200

// printed is a value, quoted, and not all of one that is long.
func printed(text string) string {
	if len(text) <= mostPrinted {
		return strconv.Quote(text)
	}
	end := mostPrinted
	for utf8.ValidString(text) && !utf8.RuneStart(text[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes)", strconv.Quote(text[:end]), len(text))
}

// lines joins what each of a list prints.
func lines[T fmt.Stringer](list []T) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = v.String()
	}
	return strings.Join(texts, ", ")
}

// counted is a number with a word that takes an s.
func counted[N ~int | ~uint64](n N, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// String gives the key, its value, and where it comes from.
func (k KV) String() string {
	if k.Value == nil && k.ValueBase64 == nil {
		return fmt.Sprintf("%q (revision %d, version %d)", k.Key, k.Mod, k.Version)
	}
	return fmt.Sprintf("%q = %s (revision %d, version %d)", k.Key, printed(k.Text()), k.Mod, k.Version)
}

// is says what the key is now.
func (k KV) is() string { return fmt.Sprintf("it is %s, at revision %d", printed(k.Text()), k.Mod) }

// String gives the key.
func (g Got) String() string { return g.KV.String() }

// String gives the keys of the page, and how many there are in all.
func (k Keys) String() string {
	return strings.TrimSuffix(fmt.Sprintf("%d of %s, at revision %d: %s", len(k.Keys), counted(k.Count, "key"), k.Revision, lines(k.Keys)), ": ")
}

// String gives what was written, and where.
func (w Written) String() string {
	text := fmt.Sprintf("written at revision %d, slot %d", w.Revision, w.Slot)
	switch {
	case w.Key != nil:
		text = fmt.Sprintf("%v, slot %d", *w.Key, w.Slot)
	case w.Deleted != 0:
		text = fmt.Sprintf("%s deleted at revision %d, slot %d", counted(w.Deleted, "key"), w.Revision, w.Slot)
	}
	if len(w.Prev) > 0 {
		text += "; before: " + lines(w.Prev)
	}
	return text
}

// String gives the lease, and what is left of it if that is known.
func (l Lease) String() string {
	text := fmt.Sprintf("lease %v", l.ID)
	if l.TTL != 0 {
		text += fmt.Sprintf(", TTL %v", time.Duration(l.TTL)*time.Millisecond)
	}
	if l.Remaining != 0 {
		text += fmt.Sprintf(", %v left", time.Duration(l.Remaining)*time.Millisecond)
	}
	if len(l.Keys) > 0 {
		text += fmt.Sprintf(", keys %q", l.Keys)
	}
	return text
}

// String gives the lease.
func (l Leased) String() string { return l.Lease.String() }

// String gives the leases.
func (l Leases) String() string {
	return strings.TrimSuffix(counted(len(l.Leases), "lease")+": "+lines(l.Leases), ": ")
}

// String gives whose place it is, and how many are before it.
func (p Place) String() string {
	state := "held"
	if !p.Held {
		state = fmt.Sprintf("%d ahead", p.Ahead)
	}
	return fmt.Sprintf("%q by %s: %s, token %d, lease %v", p.Name, printed(p.Value), state, p.Token, p.Lease)
}

// String gives the place.
func (p Placed) String() string { return p.Place.String() }

// String gives who holds, and how many wait.
func (q Queue) String() string {
	if q.Holder == nil {
		return fmt.Sprintf("%q: nobody", q.Name)
	}
	return fmt.Sprintf("%q by %s, token %d; %d waiting", q.Name, printed(q.Holder.Value), q.Holder.Token, len(q.Queue))
}

// String gives the change.
func (e KeyEvent) String() string {
	if e.Type == "put" {
		return "put " + e.KV.String()
	}
	return fmt.Sprintf("%s %q", e.Type, e.Key)
}

// String gives the changes, and their revision.
func (c Changes) String() string { return fmt.Sprintf("revision %d: %s", c.Revision, lines(c.Events)) }

// String gives where the value stands.
func (s Sent) String() string {
	if s.Status == "pending" {
		return fmt.Sprintf("pending, command %v/%d", s.Session, s.Sequence)
	}
	return fmt.Sprintf("%s at slot %d, position %d", s.Status, s.Slot, s.Position)
}
