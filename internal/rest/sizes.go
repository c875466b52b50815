package rest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"paxos/internal/config"
	"paxos/kv"
	"paxos/paxos"
)

// How large things may be. What is let into the log must fit into every message
// that tells of it, or it would be chosen and never learned:
//
//   - a command: the largest value (config.MaxValueLimit, 4 MiB) and less than
//     1 MiB beside it, which is what transactions have room for;
//   - a slot's value, and so a Propose, Accept or page of a service: one such
//     command, or about 1 MiB of smaller ones;
//   - a page of Promise, Learn, Voted or Chosen: one such value, or 1 MiB of
//     smaller ones, each with its slot, ballot and digest; of no-ops, which
//     have only these, about 10 MiB;
//   - an Accept by hand: acceptLimit, the largest of all.
//
// frameLimit is twice that, and nothing comes near it.
const (
	maxMessageBytes = 8 << 20 // the body of a POST, in either form
	frameLimit      = 32 << 20
	acceptLimit     = frameLimit / 2
	postedCommands  = 4096    // of a Propose by POST
	postedMargin    = 1 << 20 // of a Propose by POST, beside one value

	// bodyMargin is what a command's body may have beside one value: names, or
	// the rest of a transaction.
	bodyMargin = postedMargin - 1024
)

// sizeError says what is too large.
type sizeError string

// Error implements error.
func (e sizeError) Error() string { return string(e) }

func tooLarge(format string, args ...any) error { return sizeError(fmt.Sprintf(format, args...)) }

// limitsOf are what the store takes, as the settings say.
func limitsOf(s *config.Settings) kv.Limits {
	return kv.Limits{KeyBytes: s.MaxKeyBytes, ValueBytes: s.MaxValueBytes, Operations: s.MaxOperations}
}

// admission is what is let into the log.
type admission struct {
	limits   kv.Limits
	learners []paxos.NodeID
}

// Admit keeps out of the log what the state machine cannot read, and what is
// too large. The loop asks it about what comes from outside, over a stream or
// by POST. Commands without a session are for learners alone, who propose them
// over their streams.
func Admit(s *config.Settings) func(paxos.Envelope) error {
	a := admission{limitsOf(s), s.Configuration().Learners}
	return func(e paxos.Envelope) error {
		byHand := strings.HasPrefix(string(e.From), paxos.LocalPrefix)
		switch m := e.Message.(type) {
		case paxos.Propose:
			if byHand && len(m.Commands) > postedCommands {
				return tooLarge("%d commands, at most %d are allowed in one request", len(m.Commands), postedCommands)
			}
			most := a.limits.ValueBytes + postedMargin
			if n := (paxos.Value{Commands: m.Commands}).Size(); byHand && n > most {
				return tooLarge("the commands have %d bytes in all, at most %d are allowed in one request", n, most)
			}
			return a.commands(m.Commands, slices.Contains(a.learners, e.From))
		case paxos.Accept:
			return a.accept(m, byHand)
		}
		return nil
	}
}

func (a admission) commands(commands []paxos.Command, fromLearner bool) error {
	for _, c := range commands {
		if err := admitOne(c, a.limits); err != nil {
			return err
		}
		if c.Session == 0 && !fromLearner {
			return errors.New("a command without a session; only learners maintain the state, over their streams")
		}
	}
	return nil
}

// accept leaves a leader's commands to its own check; those by hand have seen
// none.
func (a admission) accept(m paxos.Accept, byHand bool) error {
	n := 0
	for _, p := range m.Proposals {
		n += p.Value.Size()
	}
	if n > acceptLimit {
		return tooLarge("the proposals have %d bytes in all, at most %d are allowed", n, acceptLimit)
	}
	for _, p := range m.Proposals {
		if !byHand {
			break
		}
		if err := a.commands(p.Value.Commands, false); err != nil {
			return err
		}
	}
	return nil
}
