package session

import "paxos/paxos"

// harmless tells outcomes that say more of the name than of the command. No
// copy under the old name has had an effect, and none will: a command came
// late, because the watermark of its admission was that of a learner that had
// just begun; or somebody burnt a name before it was drawn.
func (s *Session) harmless(o paxos.Outcome, p *pending) bool {
	switch o.Verdict {
	case paxos.Late:
		return s.applied > p.command.Admitted
	case paxos.Burnt:
		return p.command.Key == "" && !p.renamed
	}
	return false
}

// again sends a command under a new name.
func (s *Session) again(p *pending) bool {
	if p.asker == "" {
		return false
	}
	delete(s.pending, p.command.Sequence)
	p.renamed = true // once is enough: whoever burns every name means it
	s.last++
	p.command.Session, p.command.Sequence, p.command.Admitted = s.session, s.last, 0
	p.open = p.open[:0]
	s.pending[s.last] = p
	s.due.add(p.deadline, s.last)
	s.unsent = append(s.unsent, s.last)
	return true
}

// keep lets the outcome of a command be asked for, for a while.
func (s *Session) keep(sequence paxos.Sequence) {
	if len(s.abandoned) < s.cfg.MaxPending {
		s.abandoned[sequence] = s.tick + s.cfg.AbandonTicks
	}
}

func (s *Session) settle(sequence paxos.Sequence, p *pending, answer paxos.Settled) {
	delete(s.pending, sequence)
	s.bytes -= len(p.command.Body)
	s.fates.count(answer)
	if p.asker == "" {
		s.keep(sequence) // who did not wait was promised that he can ask
	} else {
		answer.Name = p.command.Name()
		s.send(p.asker, answer)
	}
	s.done(p)
}

// sparePending bounds what is kept of settled commands for the next ones.
const sparePending = 4096

// done makes room for the next command in what was one's.
func (s *Session) done(p *pending) {
	if len(s.spare) < sparePending {
		*p = pending{open: p.open[:0]}
		s.spare = append(s.spare, p)
	}
}

// giveUp answers at the user's deadline: not applied only if every attempt was
// refused for certain, and else unknown (docs/protocol.md, Once, and the truth).
func (s *Session) giveUp(sequence paxos.Sequence, p *pending) {
	refusal := p.refusal
	if first := s.pending[s.opening]; first != nil && p.command.Admitted == 0 {
		// What kept the session closed kept this one: a refusal, or that nobody
		// tells what became of its opening.
		refusal = first.refusal
		if sent := len(first.open) > 0; sent && (refusal.Reason == paxos.NoReason || refusal.Reason == paxos.NotLeading) {
			refusal = paxos.Refused{Reason: paxos.NoLearner}
		}
	}
	answer := paxos.Settled{Fate: paxos.FateNotApplied, Reason: refusal.Reason,
		Answering: int(refusal.Answering), Needed: s.cfg.Configuration.Quorum()}
	switch {
	case !s.adopt.Done():
		answer.Reason, answer.Answering = paxos.NoCluster, s.answering()
	case s.applied == 0:
		answer.Reason = paxos.NoLearner
	}
	if len(p.open) > 0 {
		answer.Fate = paxos.FateUnknown
		s.keep(sequence)
	}
	s.settle(sequence, p, answer)
}

func (s *Session) answering() int {
	n := 0
	for _, at := range s.heard {
		if s.tick-at <= 3*s.cfg.SurveyTicks {
			n++
		}
	}
	return n
}
