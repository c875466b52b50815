package model

import (
	"errors"
	"fmt"
	"slices"

	"paxos/paxos"
	"paxos/proposer"
)

// play does one step with a real room.
func (w *world) play(role paxos.Role, place uint8, step uint32) paxos.Effects {
	with := step & stepContent
	switch step & stepKinds {
	case stepMessage:
		return turn(role, w.deliver(with>>2, place, with&3))
	case stepRestore:
		err := role.(acceptorRoom).Restore(w.records.get(with).record)
		if err != nil {
			err = fmt.Errorf("its own disk is refused: %w", err)
		}
		return paxos.Effects{Broken: err}
	case stepCampaign:
		return w.campaign(role.(proposerRoom), place, with)
	case stepSubmit:
		return w.submit(role.(proposerRoom), place, command(with))
	case stepBeat:
		return w.beat(role.(proposerRoom), place)
	case stepFinish:
		return w.finish(role.(proposerRoom), place)
	}
	panic(fmt.Sprintf("model: step %x is none of a room", step))
}

// turn is one turn of the loop, without what the loop does between: what the
// role does not take is rejected before it sees it.
func turn(role paxos.Role, e paxos.Envelope) paxos.Effects {
	if role.Header().Check(e) != nil {
		return paxos.Effects{}
	}
	return flushed(role, role.Step(e))
}

func flushed(role paxos.Role, effects paxos.Effects) paxos.Effects {
	return joined(effects, role.Flush())
}

func joined(a, b paxos.Effects) paxos.Effects {
	a.Persist, a.Send = append(a.Persist, b.Persist...), append(a.Send, b.Send...)
	if a.Broken == nil {
		a.Broken = b.Broken
	}
	return a
}

// deliver addresses a message to a place, from the acceptor that said it.
func (w *world) deliver(id uint32, place uint8, from uint32) paxos.Envelope {
	e := w.contents.get(id).envelope
	e.To = names[place]
	if placeOf(e.From) >= firstAcceptor {
		e = saidBy(e, from)
	}
	if w.opts.plant.hears != nil {
		return w.opts.plant.hears(place, e)
	}
	return e
}

// saidBy puts the name of the acceptor that says it under a message.
func saidBy(e paxos.Envelope, acceptor uint32) paxos.Envelope {
	name := names[firstAcceptor+acceptor]
	e.Message = renamed(e.Message, paxos.StoreIn(stores, e.From), paxos.StoreIn(stores, name))
	e.From = name
	return e
}

// pairs are the quorums of acceptors that a campaign asks. Three would tell no
// more than some two of them: what counts is the highest promise and the highest
// watermark.
var pairs = [3][2]uint32{{0, 1}, {0, 2}, {1, 2}}

// campaign lets time pass at a proposer until it prepares a ballot of its own,
// and answers its surveys with what two acceptors say now, each after an
// election timeout without a leader. What it may hear late it is as good as
// hearing now: an older answer is that of an earlier campaign whose prepares
// are late.
func (w *world) campaign(p proposerRoom, place uint8, with uint32) paxos.Effects {
	pair := pairs[with>>26]
	answers := [2]paxos.Envelope{
		saidBy(w.surveys.get(with>>13&(1<<13-1)).envelope, pair[0]),
		saidBy(w.surveys.get(with&(1<<13-1)).envelope, pair[1]),
	}
	before := p.Status().Ballot
	var sum paxos.Effects
	for range 10000 {
		out := flushed(p, p.Tick())
		for _, e := range out.Send {
			m, ok := e.Message.(paxos.Survey)
			if !ok || e.To != names[firstAcceptor] {
				continue
			}
			for _, answer := range answers {
				s := answer.Message.(paxos.Surveyed)
				s.Question = m.Question
				answer.To, answer.Message = names[place], s
				out = joined(out, turn(p, answer))
			}
		}
		sum = joined(sum, out)
		if s := p.Status(); s.Phase == proposer.Preparing && s.Ballot != before || sum.Broken != nil {
			return sum
		}
	}
	sum.Broken = errors.New("nobody leads, a quorum answers, and it does not stand for election")
	return sum
}

// submit brings a command to a leader; others refuse it, and remember nothing.
func (w *world) submit(p proposerRoom, place uint8, c paxos.Command) paxos.Effects {
	return turn(p, paxos.Envelope{From: client, To: names[place], Cluster: cluster, Config: stamp,
		Message: paxos.Propose{Commands: []paxos.Command{c}}})
}

// beat lets a leader that all acceptors answer say that it lives.
func (w *world) beat(p proposerRoom, place uint8) paxos.Effects {
	var sum paxos.Effects
	for _, s := range stores {
		sum = joined(sum, turn(p, paxos.Envelope{From: s.Acceptor, To: names[place], Cluster: cluster, Config: stamp,
			Message: paxos.Heard{Ballot: p.Status().Ballot, Store: s.Store, Life: firstLife}}))
	}
	return joined(sum, flushed(p, p.Tick()))
}

// finish lets a learner ask a leader, after a time in which all acceptors
// answered it: it does not take the next such question at once. What it said as it
// lives is lost, where nobody is to hear that.
func (w *world) finish(p proposerRoom, place uint8) paxos.Effects {
	var sum paxos.Effects
	if p.Status().Phase == proposer.Leading {
		for range electionTicks / 2 {
			sum = joined(sum, w.beat(p, place))
		}
	}
	if !w.opts.Beats {
		sum.Send = slices.DeleteFunc(sum.Send, func(e paxos.Envelope) bool {
			_, beat := e.Message.(paxos.Heartbeat)
			return beat
		})
	}
	return joined(sum, turn(p, paxos.Envelope{From: names[learnerPlace], To: names[place], Cluster: cluster, Config: stamp,
		Message: paxos.Finish{First: 1, Next: paxos.Slot(w.opts.Slots + 1)}}))
}

// surveyOf is what an acceptor in this state answers a survey, after an election
// timeout in which it heard nobody.
func (w *world) surveyOf(h *hands, id uint32) uint32 {
	r := w.rooms.get(id)
	if s := r.survey.Load(); s != 0 {
		return s
	}
	role := w.take(h, id)
	for range electionTicks {
		role.Tick()
	}
	out := role.Step(paxos.Envelope{From: names[0], To: names[r.place], Cluster: cluster, Config: stamp, Message: paxos.Survey{}})
	e := out.Send[0]
	m, _ := w.normal(e.Message)
	e.To, e.Message = "", m
	k := keyOf(paxos.AppendEnvelope(nil, e))
	s := w.surveys.intern(k, func(to *survey) { *to = survey{e, k} })
	if s >= 1<<13 {
		panic("model: too many different surveys: the bounds are too wide for this program")
	}
	r.survey.Store(s)
	h.keep(id, role)
	return s
}
