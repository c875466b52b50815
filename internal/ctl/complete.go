package ctl

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paxos/client"
	"paxos/kv"
)

// completionLimit is how long a person waits for a completion at most.
const completionLimit = 500 * time.Millisecond

// completing gives the cluster while a command line is typed, nil if it cannot
// be found. Whatever fails then is nothing to complain about.
func (a *app) completing(cmd *cobra.Command) (context.Context, *place, func()) {
	a.dataGiven = cmd.Flags().Changed("data")
	ctx, cancel := context.WithTimeout(cmd.Context(), completionLimit)
	p, err := (*place)(nil), a.settleKube(cmd)
	if err == nil {
		p, err = a.find(ctx)
	}
	if err != nil {
		cancel()
		return nil, nil, func() {}
	}
	return ctx, p, func() { cancel(); p.Close() }
}

// completeKeys completes the first arguments with keys that are there, up to
// the next slash.
func (a *app) completeKeys(arguments int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= arguments {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, p, leave := a.completing(cmd)
		defer leave()
		if p == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := below(ctx, p, typed)
		directive := cobra.ShellCompDirectiveNoFileComp
		if slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, "/") }) {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return names, directive
	}
}

// completeQueue completes the first argument with the names of locks or
// elections in use.
func (a *app) completeQueue(root string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, p, leave := a.completing(cmd)
		defer leave()
		if p == nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := below(ctx, p, root+typed)
		for i, name := range names {
			names[i] = strings.TrimSuffix(strings.TrimPrefix(name, root), "/")
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeLeases completes a lease's id.
func (a *app) completeLeases(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, p, leave := a.completing(cmd)
	defer leave()
	if p == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	list, err := p.Leases(ctx, client.Stale)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []cobra.Completion
	for _, id := range list.Leases {
		ids = append(ids, id.String())
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// below gives the keys that begin with a text, those with a further slash cut
// there: as a directory is listed, whatever lies below it.
func below(ctx context.Context, p *place, typed string) (names []cobra.Completion) {
	end := kv.Prefix(typed).End
	for from := typed; ; {
		span := client.From(from, end)
		page, err := p.Page(ctx, span, "", client.Stale, client.KeysOnly(), client.PageSize(100))
		if err != nil {
			return names
		}
		for _, k := range page.Keys {
			name := k.Key
			if at := strings.IndexByte(name[len(typed):], '/'); at >= 0 {
				name = name[:len(typed)+at+1]
			}
			if len(names) == 0 || names[len(names)-1] != name {
				names = append(names, name)
			}
		}
		if !page.More || len(page.Keys) == 0 {
			return names
		}
		// A directory may have a million keys: go on behind it.
		last := names[len(names)-1]
		if from = page.Keys[len(page.Keys)-1].Key + "\x00"; strings.HasSuffix(last, "/") {
			from = kv.Prefix(last).End
		}
	}
}
