package model

// successors calls yield with every state that one step leads to, and with the
// place that made the step.
func (w *world) successors(h *hands, s *state, yield func(next state, place int, step uint32)) {
	crashes, restarts := 0, 0
	var nodes [places]*node
	for place, id := range s {
		if id != 0 {
			nodes[place] = w.nodes.get(id)
		}
		switch {
		case id == 0:
		case place < firstAcceptor:
			restarts += int(nodes[place].starts) - 1
		case place < learnerPlace:
			crashes += int(nodes[place].starts) - 1
		}
	}
	try := func(place int, step uint32) {
		if next := w.next(h, s[place], step); next != s[place] {
			t := *s
			t[place] = next
			yield(t, place, step)
		}
	}
	for place := range firstAcceptor {
		w.proposerSteps(h, s, nodes, place, try)
		if restarts < w.opts.Restarts && nodes[place].campaigns > 0 {
			try(place, stepCrash)
		}
	}
	for i := range acceptors {
		place := firstAcceptor + i
		for from := range firstAcceptor {
			for _, id := range nodes[from].to[place] {
				try(place, stepMessage|id<<2|uint32(from))
				if crashes < w.opts.Crashes {
					try(place, stepSilent|id<<2|uint32(from))
				}
			}
		}
		if crashes < w.opts.Crashes {
			try(place, stepCrash)
		}
		if nodes[learnerPlace] != nil {
			for _, id := range nodes[place].to[learnerPlace] {
				try(learnerPlace, stepMessage|id<<2|uint32(i))
			}
		}
	}
}

// proposerSteps are those of one proposer, without its crash.
func (w *world) proposerSteps(h *hands, s *state, nodes [places]*node, place int, try func(int, uint32)) {
	for i := range acceptors {
		for _, id := range nodes[firstAcceptor+i].to[place] {
			try(place, stepMessage|id<<2|uint32(i))
		}
	}
	if int(nodes[place].campaigns) < w.opts.Campaigns[place] {
		for _, pair := range pairs {
			a, b := nodes[firstAcceptor+pair[0]], nodes[firstAcceptor+pair[1]]
			try(place, campaignStep(pair[0], w.surveyOf(h, a.room), pair[1], w.surveyOf(h, b.room)))
		}
	}
	for k := range w.opts.Commands {
		if !w.opts.Own || k%firstAcceptor == place {
			try(place, stepSubmit|uint32(k))
		}
	}
	if w.opts.Beats {
		try(place, stepBeat)
	}
	if w.opts.Finish {
		try(place, stepFinish)
	}
}
