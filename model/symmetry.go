package model

import "slices"

// Acceptors are alike: rename them in a state, and what can happen next is the
// same, renamed. So one state of each such family is enough. All acceptors are
// played by the room of one id, and what it says gets the speaker's name when it
// is delivered; of proposers and the learner, who tell acceptors apart, the
// renamed twin is the real room that was given the renamed messages.
//
// That rooms do not care which id an acceptor has is tested, not proven: the
// sizes of all families together are the number of states without symmetry.

// state is the number of each place's node; 0 where there is none.
type state [places]uint32

// permutations of the acceptors: acceptor i becomes acceptor permutations[k][i].
// The first changes nothing.
var permutations = [6][3]uint8{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}

// canonical gives the state that stands for its family, how large the family
// is, and which renaming leads there.
func (w *world) canonical(h *hands, s state) (state, int, int) {
	if w.opts.AsIs {
		return s, 1, 0
	}
	var best state
	same, which := 0, -1
	for k, p := range permutations {
		var t state
		for i, to := range p {
			t[firstAcceptor+to] = s[firstAcceptor+i]
		}
		if w.before(t[3], t[2]) || w.before(t[4], t[3]) {
			continue
		}
		for _, place := range [...]uint8{0, 1, learnerPlace} {
			if s[place] != 0 {
				t[place] = w.permuted(h, s[place], k)
			}
		}
		switch c := w.compare(t, best); {
		case which < 0 || c < 0:
			best, same, which = t, 1, k
		case c == 0:
			same++
		}
	}
	return best, len(permutations) / same, which
}

// before orders nodes by what they are, not by their numbers, which differ from
// run to run.
func (w *world) before(a, b uint32) bool {
	return a != b && w.nodes.get(a).key.lo < w.nodes.get(b).key.lo
}

func (w *world) compare(a, b state) int {
	for _, place := range [...]uint8{0, 1, learnerPlace} {
		switch {
		case a[place] == b[place]:
		case b[place] == 0 || w.before(a[place], b[place]):
			return -1
		default:
			return 1
		}
	}
	return 0
}

// permuted is a node after renaming the acceptors.
func (w *world) permuted(h *hands, id uint32, k int) uint32 {
	if k == 0 {
		return id
	}
	n := w.nodes.get(id)
	if p := n.permutations[k].Load(); p != 0 {
		return p
	}
	d := n.draft()
	d.room = w.permutedRoom(h, n.room, k)
	for i, to := range permutations[k] {
		d.to[firstAcceptor+to] = n.to[firstAcceptor+i]
	}
	d.said = key{}
	for to, list := range d.to {
		for _, id := range list {
			d.said = d.said.plus(w.contents.get(id).key.scattered(uint64(to)))
		}
	}
	p := w.internNode(d)
	n.permutations[k].Store(p)
	return p
}

func (w *world) permutedRoom(h *hands, id uint32, k int) uint32 {
	var way []uint32
	r := w.rooms.get(id)
	for ; r.parent != 0; r = w.rooms.get(r.parent) {
		way = append(way, r.step)
	}
	room := w.fresh(h, r.place, r.starts)
	for _, step := range slices.Backward(way) {
		room, _ = w.step(h, room, permutedStep(step, k))
	}
	return room
}

func permutedStep(step uint32, k int) uint32 {
	p := permutations[k]
	switch step & stepKinds {
	case stepMessage:
		return step&^3 | uint32(p[step&3])
	case stepCampaign:
		pair := pairs[step&stepContent>>26]
		first, second := step>>13&(1<<13-1), step&(1<<13-1)
		return campaignStep(uint32(p[pair[0]]), first, uint32(p[pair[1]]), second)
	}
	return step
}

// campaignStep is a campaign that asks acceptors a and b, who answer so.
func campaignStep(a, first, b, second uint32) uint32 {
	if a > b {
		a, first, b, second = b, second, a, first
	}
	return stepCampaign | (a+b-1)<<26 | first<<13 | second
}
