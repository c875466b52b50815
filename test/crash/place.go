package crash

import (
	"fmt"
	"strconv"
	"strings"
)

// place names a crash state: a life, and for each start of it where it ended
// and how. It is written like
//
//	acceptor:0/105+4!0.1.0.1/4fk/9!0
//
// life 0 of an acceptor lost its power when 105 changes and 4 sectors of the
// next write were done, and of four things that were not durable the second
// and the fourth survived; the start after it died of a failed sync after 4
// changes; and the next one lost its power after 9, and all that was not durable.
type place struct {
	kind string
	seed uint64
	ends []end
}

// end is how a start ended.
type end struct {
	at     point
	killed bool  // the process alone: what it wrote is still seen
	took   []int // what survived, see crashed
}

func (p place) then(e end) place {
	p.ends = append(p.ends[:len(p.ends):len(p.ends)], e)
	return p
}

// String gives the place as ParsePlace takes it.
func (p place) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d", p.kind, p.seed)
	for _, e := range p.ends {
		b.WriteString("/" + e.at.String())
		if e.killed {
			b.WriteByte('k')
			continue
		}
		b.WriteByte('!')
		last := len(e.took)
		for last > 1 && e.took[last-1] == 0 {
			last--
		}
		for i, c := range e.took[:last] {
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(strconv.Itoa(c))
		}
	}
	return b.String()
}

// String gives the point as it is in a place.
func (p point) String() string {
	text := strconv.Itoa(p.change)
	if p.sectors > 0 {
		text += "+" + strconv.Itoa(p.sectors)
	}
	if p.failed {
		text += "f"
	}
	return text
}

func parsePlace(text string) (p place, err error) {
	head, rest, _ := strings.Cut(text, "/")
	kind, seed, ok := strings.Cut(head, ":")
	if p.seed, err = strconv.ParseUint(seed, 10, 64); !ok || err != nil || kinds[kind] == nil {
		return p, fmt.Errorf("%q is no place: it begins with acceptor:SEED or learner:SEED", text)
	}
	p.kind = kind
	if rest == "" {
		return p, nil
	}
	for part := range strings.SplitSeq(rest, "/") {
		e, err := parseEnd(part)
		if err != nil {
			return p, fmt.Errorf("%q is no place: %q is not the end of a start, as 12!0.1, 12+2!0, 12k or 12fk", text, part)
		}
		p.ends = append(p.ends, e)
	}
	return p, nil
}

func parseEnd(text string) (e end, err error) {
	where, took, lostPower := strings.Cut(text, "!")
	if !lostPower {
		if where, e.killed = strings.CutSuffix(where, "k"); !e.killed {
			return e, strconv.ErrSyntax
		}
	}
	where, e.at.failed = strings.CutSuffix(where, "f")
	change, sectors, within := strings.Cut(where, "+")
	if e.at.change, err = strconv.Atoi(change); err == nil && within {
		e.at.sectors, err = strconv.Atoi(sectors)
	}
	if took == "" || err != nil {
		return e, err
	}
	for c := range strings.SplitSeq(took, ".") {
		n, err := strconv.Atoi(c)
		if err != nil {
			return e, err
		}
		e.took = append(e.took, n)
	}
	return e, nil
}
