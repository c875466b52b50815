package ctl

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"paxos/client"
	"paxos/kv"
)

// ownerOr is the text that others see beside a lock.
func ownerOr(text string) string {
	if text != "" {
		return text
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("%s process %d", host, os.Getpid())
}

func (a *app) lease() *cobra.Command {
	cmd := &cobra.Command{
		Use: "lease", Short: "Makes, renews, ends and shows leases.",
		Long: "Makes, renews, ends and shows leases. Keys that are attached to a lease (paxosctl put --lease) are deleted\n" +
			"when it ends: when it is revoked, or was not renewed for its TTL.\n\n" + aboutExits(),
		Example: "  paxosctl lease grant 30s\n  paxosctl lease keep-alive 00000000000000ab",
	}
	return group(cmd, a.leaseGrant(), a.leaseRevoke(), a.leaseKeepAlive(), a.leaseInfo(), a.leaseList())
}

func leaseID(text string) (kv.LeaseID, error) {
	var id kv.LeaseID
	if err := id.UnmarshalText([]byte(text)); err != nil {
		return 0, usage("%w", err)
	}
	return id, nil
}

func (a *app) leaseGrant() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use: "grant TTL", Short: "Makes a lease.", Args: exactly("TTL"),
		Long:    "Makes a lease that ends when it was not renewed for TTL, such as 30s or 10m, at least 1s. A number alone\nmeans seconds.\n\n" + aboutExits(),
		Example: "  paxosctl lease grant 30s\n  lease=$(paxosctl lease grant 30s -o value) && paxosctl put --lease \"$lease\" workers/7 ready",
	}
	cmd.Flags().StringVar(&key, "key", "", "idempotency key: the same key makes one lease (default: a random one)")
	a.storeFlags(cmd, keepTrying, "table", "json", "value")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ttl, err := parseTTL(args[0])
		if err != nil {
			return usage("%w", err)
		}
		var opts []client.WriteOption
		if key != "" {
			opts = append(opts, client.Key(key))
		}
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		l, err := p.Grant(ctx, ttl, opts...)
		if err != nil {
			return a.stored(err)
		}
		return a.printLease(l, l.Lease)
	}
	return cmd
}

// leaseVerb is a command about one lease.
func (a *app) leaseVerb(cmd *cobra.Command, do func(context.Context, *place, kv.LeaseID) error) *cobra.Command {
	cmd.Args = exactly("ID")
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.completeLeases(cmd, args, typed)
	}
	a.storeFlags(cmd, keepTrying, "table", "json", "value")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := leaseID(args[0])
		if err != nil {
			return err
		}
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		return a.stored(do(ctx, p, id))
	}
	return cmd
}

func (a *app) leaseRevoke() *cobra.Command {
	return a.leaseVerb(&cobra.Command{
		Use: "revoke ID", Short: "Ends a lease, and deletes its keys.",
		Long:    "Ends a lease and deletes the keys attached to it, at one revision.\n\n" + aboutExits(),
		Example: "  paxosctl lease revoke 00000000000000ab",
	}, func(ctx context.Context, p *place, id kv.LeaseID) error {
		l, err := p.Revoke(ctx, id)
		if err != nil {
			return err
		}
		l.ID = id
		return a.printLease(l, l.Lease)
	})
}

func (a *app) leaseKeepAlive() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use: "keep-alive ID", Short: "Renews a lease.",
		Long: "Renews a lease, again and again until it is interrupted, or with --once a single time. Exit code 3: it has\n" +
			"ended.\n\n" + aboutExits(),
		Example: "  paxosctl lease keep-alive 00000000000000ab\n  paxosctl lease keep-alive --once 00000000000000ab",
	}
	cmd.Flags().BoolVar(&once, "once", false, "renew it a single time")
	return a.leaseVerb(cmd, func(ctx context.Context, p *place, id kv.LeaseID) error {
		l, err := p.KeepAlive(ctx, id)
		if err == nil {
			err = a.printLease(l, l.Lease)
		}
		if err != nil || once {
			return err
		}
		return p.KeepAliveUntil(ctx, id)
	})
}

func (a *app) leaseInfo() *cobra.Command {
	return a.leaseVerb(&cobra.Command{
		Use: "info ID", Short: "Shows a lease and its keys.",
		Long:    "Shows a lease, what is left of it, and the keys attached to it.\n\n" + aboutExits(),
		Example: "  paxosctl lease info 00000000000000ab",
	}, func(ctx context.Context, p *place, id kv.LeaseID) error {
		l, err := p.Lease(ctx, id)
		if err != nil {
			return err
		}
		return a.printLease(l, l)
	})
}

func (a *app) leaseList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "Lists all leases.", Args: exactly(),
		Long:    "Lists all leases.\n\n" + aboutExits(),
		Example: "  paxosctl lease list\n  paxosctl lease list -o json",
	}
	a.storeFlags(cmd, keepTrying)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		l, err := p.Leases(ctx)
		if err != nil {
			return err
		}
		return a.print(l, func(row func(...any)) {
			row("LEASE")
			for _, id := range l.Leases {
				row(id)
			}
		})
	}
	return cmd
}

// printLease shows a lease: all of the answer as JSON.
func (a *app) printLease(answer any, l client.Lease) error {
	if a.output == "value" {
		_, err := fmt.Fprintln(a.Out, l.ID)
		return err
	}
	return a.print(answer, func(row func(...any)) {
		row("LEASE", "TTL", "REMAINING", "KEYS")
		row(l.ID, milliseconds(l.TTL), milliseconds(l.Remaining), dash(len(l.Keys)))
		for _, k := range l.Keys {
			row("", "", "", cell(k))
		}
	})
}

func milliseconds(n int64) string { return dash(time.Duration(n) * time.Millisecond) }
