package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"paxos/client"
	"paxos/paxos"
)

// command is what KEY|SESSION/SEQUENCE names: a name of that form, else a key.
type command struct {
	key      string
	session  paxos.SessionID
	sequence paxos.Sequence
}

func parseCommand(text string, isKey bool) command {
	session, sequence, ok := strings.Cut(text, "/")
	ok = ok && !isKey
	var c command
	n, err := paxos.ParseUint(sequence)
	if ok && err == nil && c.session.UnmarshalText([]byte(session)) == nil {
		c.sequence = paxos.Sequence(n)
		return c
	}
	return command{key: text}
}

func (c command) outcome(ctx context.Context, p *place) (client.Outcome, error) {
	if c.key != "" {
		return p.Outcome(ctx, c.key)
	}
	return p.OutcomeOf(ctx, c.session, c.sequence)
}

func (c command) burn(ctx context.Context, p *place) (client.Outcome, error) {
	if c.key != "" {
		return p.Burn(ctx, c.key)
	}
	return p.BurnOf(ctx, c.session, c.sequence)
}

// keyWords are a key as the arguments of outcome and burn, for a shell.
func keyWords(key string) string {
	words := quoted(key)
	if strings.HasPrefix(key, "-") {
		words = "-- " + words
	}
	if parseCommand(key, false).key == "" {
		words = "--key " + words
	}
	return words
}

const namesOfCommands = "A command is named by its idempotency key, or as SESSION/SEQUENCE, which send shows: 16 hexadecimal\n" +
	"digits and a number. With --key it is a key even if it looks like that."

const statuses = "  applied     it took effect, in the slot that is shown; exit code 4 if its condition did not hold\n" +
	"  failed      it changed nothing, and never will; the result says why (exit code 4)\n" +
	"  burnt       it never applies from now on\n" +
	"  key-reused  the key was used for something else before: this one was not applied\n" +
	"  expired     its session is not open: whether it applied was forgotten; after a burn it never does from now on\n" +
	"  confirmed   settled long ago; whether it applied was forgotten\n" +
	"  not-seen    not applied at that learner yet"

// keyFlag adds --key, which says that the argument is a key.
func keyFlag(cmd *cobra.Command, isKey *bool) {
	cmd.Flags().BoolVar(isKey, "key", false, "the argument is a key, even if it looks like SESSION/SEQUENCE")
}

func (a *app) outcome() *cobra.Command {
	var isKey bool
	cmd := &cobra.Command{
		Use: "outcome KEY|SESSION/SEQUENCE", Short: "Tells what became of a command.", Args: exactly("KEY|SESSION/SEQUENCE"),
		Long: "Tells what became of a command, and of one that was applied what it gave (all of it with -o json):\n\n" + statuses + "\n\nNot seen (exit code 3) is not never: a copy may still be on its way; burn makes sure.\n\n" +
			namesOfCommands + "\n\n" + aboutExits(),
		Example: "  paxosctl outcome order-4711\n  paxosctl outcome 0123456789abcdef/7",
	}
	keyFlag(cmd, &isKey)
	a.remoteFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := a.askOutcome(cmd, args[0], isKey, command.outcome)
		if err != nil {
			return err
		}
		if err := a.printOutcome(o); err != nil {
			return err
		}
		switch o.Status {
		case "expired":
			return failed(ExitNotFound, "look at the keys that it would have changed; paxosctl burn "+hinted(args[0], isKey)+" makes sure that it does not apply later",
				"the session of %s is not open at %s (any more): whether it was applied is forgotten", args[0], o.Learner)
		case "failed":
			return failed(ExitConflict, "", "%s changed nothing: %s", args[0], whyOf(o))
		case "applied":
			if conditionFailed(o) {
				return failed(ExitConflict, "", "the condition of %s did not hold", args[0])
			}
		case "not-seen":
			return failed(ExitNotFound, "paxosctl burn "+hinted(args[0], isKey)+" makes sure that it never is", "%s was not seen at %s yet", args[0], o.Learner)
		}
		return nil
	}
	return cmd
}

// whyOf is what the result of a command that failed says.
func whyOf(o client.Outcome) string {
	var p client.Problem
	if err := json.Unmarshal(o.Result, &p); err != nil || p.Detail == "" {
		return "it could not do what it says"
	}
	return p.Detail
}

// conditionFailed reports whether a write took its place and did not do what
// it would have done had its condition held.
func conditionFailed(o client.Outcome) bool {
	var result struct {
		Succeeded *bool `json:"succeeded"`
	}
	return json.Unmarshal(o.Result, &result) == nil && result.Succeeded != nil && !*result.Succeeded
}

// hinted is what was given, for a hint.
func hinted(name string, isKey bool) string {
	if isKey {
		return keyWords(name)
	}
	return quoted(name)
}

func (a *app) burn() *cobra.Command {
	var isKey bool
	cmd := &cobra.Command{
		Use: "burn KEY|SESSION/SEQUENCE", Short: "Makes sure that a command never applies from now on.", Args: exactly("KEY|SESSION/SEQUENCE"),
		Long: "Makes sure, through the log, that a command whose outcome is unknown never applies from now on. If it was\n" +
			"applied before, nothing is changed, and the exit code is 4; so it is for every other status than burnt:\n\n" +
			statuses + "\n\n" + namesOfCommands + "\n\n" + aboutExits(),
		Example: "  paxosctl burn order-4711",
	}
	keyFlag(cmd, &isKey)
	a.remoteFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := a.askOutcome(cmd, args[0], isKey, command.burn)
		if err != nil {
			return a.whatNow(err, hinted(args[0], isKey))
		}
		if err := a.printOutcome(o); err != nil {
			return err
		}
		if o.Status != "burnt" {
			return failed(ExitConflict, "nothing was changed", "%s is not burnt: it is %s", args[0], meaningOf(o.Status))
		}
		return nil
	}
	return cmd
}

// meaningOf adds a word to statuses that need one.
func meaningOf(status string) string {
	switch status {
	case "confirmed":
		return "confirmed, which means settled long ago; whether it applied was forgotten"
	case "expired":
		return "expired: its session is not open; whether it applied before was forgotten, from now on it never does"
	}
	return status
}

func (a *app) askOutcome(cmd *cobra.Command, name string, isKey bool, do func(command, context.Context, *place) (client.Outcome, error)) (client.Outcome, error) {
	if name == "" {
		return client.Outcome{}, usage("%s: an empty key names no command", cmd.CommandPath())
	}
	ctx, p, leave, err := a.reach(cmd)
	if err != nil {
		return client.Outcome{}, err
	}
	defer leave()
	o, err := do(parseCommand(name, isKey), ctx, p)
	return o, err
}

func (a *app) printOutcome(o client.Outcome) error {
	return a.print(o, func(row func(...any)) {
		if o.Revision != 0 {
			row("STATUS", "SLOT", "POSITION", "COMMAND", "LEARNER", "REVISION", "RESULT")
			row(o.Status, o.Slot, o.Position, commandOf(o), dash(o.Learner), o.Revision, short(client.KV{ValueBase64: o.Result}))
			return
		}
		row("STATUS", "SLOT", "POSITION", "COMMAND", "LEARNER")
		if o.Slot == 0 {
			row(o.Status, "-", "-", "-", dash(o.Learner))
			return
		}
		row(o.Status, o.Slot, o.Position, commandOf(o), dash(o.Learner))
	})
}

// commandOf is the command's name; what burns a key is nobody's command.
func commandOf(o client.Outcome) string {
	if o.Sequence == 0 {
		return "-"
	}
	return fmt.Sprintf("%v/%d", o.Session, o.Sequence)
}

// whatNow adds how to find out what became of a command, which name names if
// it is not "".
func (a *app) whatNow(err error, name string) error {
	if !errors.Is(err, client.ErrUnknown) {
		return err
	}
	var p *client.Problem
	if errors.As(err, &p) && name == "" && p.Session != nil && p.Sequence != nil {
		name = fmt.Sprintf("%v/%d", *p.Session, *p.Sequence)
	}
	sentence, _ := explain(err)
	if name == "" {
		return (&failure{code: ExitUnknown, hint: "look for the value with paxosctl read; a send with --key could simply be repeated", err: errors.New(sentence)}).because(err)
	}
	hint := fmt.Sprintf("paxosctl outcome %s tells, paxosctl burn %s makes sure that it never applies from now on", name, name)
	return (&failure{code: ExitUnknown, hint: hint, err: errors.New(sentence)}).because(err)
}
