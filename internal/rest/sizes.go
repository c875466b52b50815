package rest

import (
	"fmt"
	"strings"

	"paxos/kv"
	"paxos/paxos"
)

// How large things may be. What is let into the log must fit into every message
// that tells of it, or it would be chosen and never learned:
//
//   - a command: the largest value (config.MaxValueLimit, 4 MiB), and less than
//     1 KiB of operation, key, names and numbers;
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
	bodyMargin      = 64      // of a command's body, beside its value
	postedCommands  = 4096    // of a Propose by POST
	postedMargin    = 1 << 20 // of a Propose by POST, beside one value
)

// sizeError says what is too large.
type sizeError string

// Error implements error.
func (e sizeError) Error() string { return string(e) }

func tooLarge(format string, args ...any) error { return sizeError(fmt.Sprintf(format, args...)) }

// Admit keeps out of the log what the state machine cannot read, and what is
// too large: of values, up to maxValue bytes are let in. The loop asks it about
// what comes from outside, over a stream or by POST.
func Admit(maxValue int) func(paxos.Envelope) error {
	return func(e paxos.Envelope) error {
		byHand := strings.HasPrefix(string(e.From), paxos.LocalPrefix)
		switch m := e.Message.(type) {
		case paxos.Propose:
			if byHand && len(m.Commands) > postedCommands {
				return tooLarge("%d commands, at most %d are allowed in one request", len(m.Commands), postedCommands)
			}
			if n := (paxos.Value{Commands: m.Commands}).Size(); byHand && n > maxValue+postedMargin {
				return tooLarge("the commands have %d bytes in all, at most %d are allowed in one request", n, maxValue+postedMargin)
			}
			return admitCommands(m.Commands, maxValue)
		case paxos.Accept:
			return admitAccept(m, maxValue, byHand)
		}
		return nil
	}
}

func admitCommands(commands []paxos.Command, maxValue int) error {
	for _, c := range commands {
		if len(c.Body) > maxValue+bodyMargin {
			return tooLarge("the command's body has %d bytes, at most %d are allowed", len(c.Body), maxValue+bodyMargin)
		}
		if err := kv.Check(c); err != nil {
			return err
		}
	}
	return nil
}

// admitAccept leaves a leader's commands to its own check; those by hand have
// seen none.
func admitAccept(m paxos.Accept, maxValue int, byHand bool) error {
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
		if err := admitCommands(p.Value.Commands, maxValue); err != nil {
			return err
		}
	}
	return nil
}
