package crash

import (
	"fmt"
	"math/rand/v2"
	"path"

	"paxos/internal/wal/memfs"
)

// replay takes a life to a place and judges the state that is left there, and
// what comes after it. The error says that there is no such place.
func (e *explorer) replay(p place) (*Failure, error) {
	e.kind, e.seed = p.kind, p.seed
	if len(p.ends) == 0 {
		return e.run(birth(p.kind, p.seed)), nil
	}
	e.dice = rand.New(rand.NewPCG(p.seed, 11))
	e.seen, e.counts = map[uint64]struct{}{}, Sums{}
	disk, o, _, err := e.walk(p)
	if err != nil {
		return nil, err
	}
	if p.ends[len(p.ends)-1].killed {
		e.killed(p, disk, o)
	} else {
		e.state(p, disk, o, true)
	}
	return e.failed, nil
}

// walk takes a new life to a place, and gives the disk that is left there, what is
// known of it, and the way in lines for a person.
func (e *explorer) walk(p place) (disk *memfs.Disk, o owner, told []string, err error) {
	if disk, err = newDisk(); err != nil {
		return nil, nil, nil, err
	}
	e.life = birth(p.kind, p.seed)
	o, steps := e.life.owner, e.life.steps
	for i, where := range p.ends {
		at, left, knows, err := e.reach(disk, o, steps, where.at)
		if at == nil {
			return nil, nil, nil, fmt.Errorf("%v has no point %v of its start %d (%s)", p, where.at, i+1, ended(err))
		}
		told = append(told, fmt.Sprintf("start %d: %s", i+1, at.tell()))
		o, steps = knows, e.life.after
		if where.killed {
			left.Kill()
			disk, told = left, append(told, "  the process dies, and the power stays: what was written is seen")
			continue
		}
		var lines []string
		if disk, lines, err = survived(left, where.took); err != nil {
			return nil, nil, nil, fmt.Errorf("%v, its start %d: %w", p, i+1, err)
		}
		told = append(told, lines...)
	}
	return disk, o, told, nil
}

func ended(err error) string {
	if err != nil {
		return "it ends: " + err.Error()
	}
	return "it ends before"
}

// tell says in words where a point is.
func (p point) tell() string {
	text := fmt.Sprintf("%d changes of the disk are done", p.change)
	switch {
	case p.next == "":
		return text + ", and the start is over"
	case p.failed:
		return fmt.Sprintf("%s; to %s was tried and has failed", text, p.next)
	case p.sectors > 0:
		return fmt.Sprintf("%s, and %d sectors of the next: to %s", text, p.sectors, p.next)
	}
	return fmt.Sprintf("%s; the next is to %s", text, p.next)
}

// survived takes the power away from a disk and says what of what survives. It is
// an error to choose what there is not.
func survived(left *memfs.Disk, took []int) (after *memfs.Disk, told []string, err error) {
	after = left.Clone()
	asked, short := 0, map[string]bool{}
	after.CrashAt(func(x memfs.Doubt) int {
		c := given(took)(asked, x.N)
		if asked++; c < 0 || c >= x.N {
			err = fmt.Errorf("thing %d that was not durable (%s) has the versions 0 to %d, and not %d", asked, thing(x), x.N-1, c)
			return 0
		}
		line := fmt.Sprintf("    %s: %s", thing(x), fate(x, c))
		switch {
		case x.Kind == memfs.GrowthDoubt:
			short[x.Name] = c == 0
		case c > 0 && x.Kind == memfs.SectorDoubt && short[x.Name]:
			line += ", as far as the file reaches"
		}
		told = append(told, line)
		return c
	})
	for _, c := range took[min(asked, len(took)):] {
		if c != 0 && err == nil {
			err = fmt.Errorf("choices for %[2]d things, and %[1]d were not durable", asked, len(took))
		}
	}
	if len(told) == 0 {
		return after, []string{"  the power goes; everything was durable"}, err
	}
	return after, append([]string{"  the power goes; of what was not durable:"}, told...), err
}

// thing says in words what was not durable.
func thing(x memfs.Doubt) string {
	name, from := path.Join(x.Dir, x.Name), path.Join(x.Dir, x.From)
	switch {
	case x.Kind == memfs.SectorDoubt:
		return fmt.Sprintf("%s, sector %d", name, x.At)
	case x.Kind == memfs.GrowthDoubt:
		return fmt.Sprintf("%s, growth to %d bytes", name, x.At)
	case x.From == "":
		return name + " created"
	case x.Name == "":
		return from + " removed"
	}
	return fmt.Sprintf("%s renamed to %s", from, name)
}

func fate(x memfs.Doubt, c int) string {
	switch {
	case c == 0 && x.Kind == memfs.SectorDoubt:
		return "as it was before"
	case c == 0:
		return "lost"
	case x.N > 2:
		return fmt.Sprintf("version %d of %d survived", c, x.N-1)
	}
	return "survived"
}

// reach lives until a point, and gives the disk and what is known there.
func (e *explorer) reach(disk *memfs.Disk, o owner, steps []step, to point) (at *point, left *memfs.Disk, knows owner, err error) {
	_, err = e.start(disk, o, steps, func(p point, d *memfs.Disk, o owner) {
		if at == nil && p.is(to) {
			at, left, knows = &p, d.Clone(), o.fork()
		}
	})
	return at, left, knows, err
}
