package ctl

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"paxos/client"
)

// mostInput bounds what is read from stdin; a service's limit on a value is
// lower.
const mostInput = 8 << 20

func (a *app) send() *cobra.Command {
	var key string
	var noWait bool
	cmd := &cobra.Command{
		Use: "send VALUE", Short: "Sends a value and waits until it is chosen and applied.", Args: exactly("VALUE"),
		Long: "Sends a value, any UTF-8 text, and waits until it is chosen, applied, and on the disks of a quorum of\n" +
			"acceptors. With - the value is all of standard input.\n\n" +
			"A send with --key takes effect once, however often it is repeated, through whichever service.\n\n" + aboutExits(),
		Example: "  paxosctl send teste123\n  paxosctl send --key order-4711 'two apples'\n  printf 'a\\nb' | paxosctl send -\n  paxosctl send --no-wait later -o json",
	}
	cmd.Flags().StringVar(&key, "key", "", "idempotency key: the same key is applied once")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "do not wait for the outcome; ask for it with paxosctl outcome")
	a.remoteFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		value, err := a.value(args[0])
		if err != nil {
			return err
		}
		p, err := a.find(cmd.Context())
		if err != nil {
			return err
		}
		defer p.Close()
		var opts []client.SendOption
		if key != "" {
			opts = append(opts, client.Key(key))
		}
		if noWait {
			opts = append(opts, client.NoWait())
		}
		ctx, cancel := a.context(cmd)
		defer cancel()
		sent, err := p.Send(ctx, value, opts...)
		if err != nil {
			name := ""
			if key != "" {
				name = keyWords(key)
			}
			return a.whatNow(err, name)
		}
		return a.printSent(sent)
	}
	return cmd
}

// value is the argument, or standard input for -.
func (a *app) value(arg string) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	text, err := io.ReadAll(io.LimitReader(a.In, mostInput+1))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	if len(text) > mostInput {
		return "", usage("standard input holds more than %d bytes", mostInput)
	}
	return string(text), nil
}

func (a *app) printSent(sent client.Sent) error {
	name := fmt.Sprintf("%v/%d", sent.Session, sent.Sequence)
	if sent.Status == "pending" {
		a.note("taken; paxosctl outcome %s tells what became of it", name)
	}
	return a.print(sent, func(row func(...any)) {
		row("STATUS", "SLOT", "POSITION", "COMMAND", "CLIENT")
		if sent.Status == "pending" {
			row(sent.Status, "-", "-", name, sent.Client)
			return
		}
		row(sent.Status, sent.Slot, sent.Position, name, sent.Client)
	})
}
