package ctl

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paxos/client"
	"paxos/kv"
)

// What bench does; and the bounds of its flags, and of the keys that it writes
// before it reads any.
const (
	benchPut   = "put"
	benchGet   = "get"
	benchMixed = "mixed"

	mostBenchClients = 1024
	mostBenchKeys    = 100_000
	shortestBench    = time.Second
	longestBench     = 10 * time.Minute
	mostFilledKeys   = 1_000_000
	mostFilledBytes  = 1 << 30
)

// benchWarmUp is what is not counted: streams are opened, and caches fill.
const benchWarmUp = time.Second

var benchOperations = []string{benchPut, benchGet, benchMixed}

// benching are the flags of bench.
type benching struct {
	*app
	operation   string
	clients     int
	length      time.Duration
	size, keys  int
	prefix      string
	keep        bool
	verbose     bool
	freshness   string
	maxAge      time.Duration
	consistency client.Consistency
}

func (a *app) bench() *cobra.Command {
	f := &benching{app: a}
	cmd := &cobra.Command{
		Use: "bench [put|get|mixed]", Short: "Measures how fast this cluster is, and checks that nothing is lost.",
		Long: "Lets clients write (put, the default), read (get) or do both (mixed: one put to 19 gets) as fast as they are\n" +
			"answered, each one operation after the other, and prints how many there were and how long they took. A second\n" +
			"before it is not counted. Writes go over the Go client's streams; with --kube everything goes through the API\n" +
			"server's proxy, which is then much of what is measured. mixed and get write all their keys first.\n\n" +
			"Nobody else writes its keys, so what it reads linearizably is compared with what was acknowledged. Afterwards put\n" +
			"and mixed read all keys that they wrote, or 1000 of them, linearizably: a value that was acknowledged and is not\n" +
			"there is exit code 1, and nothing is deleted then. The keys stand below a random name below --prefix, and are\n" +
			"deleted at the end; their history stays until it is compacted. Ctrl-C ends it early, and is exit code 130.\n\n" +
			"It takes what the cluster can give: other users will notice. refused is what was certainly not applied, unknown what\n" +
			"may be; each was tried again until --timeout before. A read that gave no answer is refused. MB are 10^6 bytes of values.\n\n" + aboutExits(),
		Example: "  paxosctl bench\n  paxosctl bench get --clients 256 --consistency stale\n  paxosctl bench mixed --for 1m --size 4096 --keys 100\n" +
			"  paxosctl bench put --for 5s -o json | jq '.operations[] | {per_second, p99_ms}'",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return benchOperations, cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usage("%s: %q is not expected", cmd.CommandPath(), args[1])
		}
		return nil
	}
	f.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f.operation = benchPut
		if len(args) > 0 {
			f.operation = args[0]
		}
		if err := f.check(cmd); err != nil {
			return err
		}
		p, err := a.find(cmd.Context())
		if err != nil {
			return err
		}
		defer p.Close()
		return f.run(cmd.Context(), p)
	}
	return cmd
}

func (f *benching) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.clients, "clients", 64, fmt.Sprintf("how many clients ask at the same time, 1 to %d", mostBenchClients))
	flags.DurationVar(&f.length, "for", 10*time.Second, fmt.Sprintf("how long it is counted, %v to %v", shortestBench, longestBench))
	flags.IntVar(&f.size, "size", 256, fmt.Sprintf("bytes of a value, 1 to %d or what the cluster allows (1048576 unless told)", kv.MaxValue))
	flags.IntVar(&f.keys, "keys", 1000, fmt.Sprintf("keys of each client, 1 to %d", mostBenchKeys))
	flags.StringVar(&f.prefix, "prefix", "bench/", "the keys stand below a random name below this one")
	flags.BoolVar(&f.keep, "keep", false, "do not delete what was written")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "say every 2s how it goes also where standard error is no terminal")
	flags.StringVar(&f.freshness, "consistency", "linearizable", "of get and mixed: linearizable, session, bounded or stale")
	flags.DurationVar(&f.maxAge, "max-age", 0, "with --consistency bounded: how old the state may be, such as 500ms")
	_ = cmd.RegisterFlagCompletionFunc("consistency",
		cobra.FixedCompletions([]string{"linearizable", "session", "bounded", "stale"}, cobra.ShellCompDirectiveNoFileComp))
	f.storeFlags(cmd, "how long to keep trying each operation, such as 500ms or 1m (default 10s)")
}

// check refuses what is out of bounds before anybody is asked.
func (f *benching) check(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	all := f.clients * f.keys
	switch {
	case !slices.Contains(benchOperations, f.operation):
		return usage("%q is none of %s", f.operation, strings.Join(benchOperations, ", "))
	case f.clients < 1 || f.clients > mostBenchClients:
		return usage("--clients %d is not between 1 and %d", f.clients, mostBenchClients)
	case f.length < shortestBench || f.length > longestBench:
		return usage("--for %v is not between %v and %v", f.length, shortestBench, longestBench)
	case f.size < 1 || f.size > kv.MaxValue:
		return usage("--size %d is not between 1 and %d bytes", f.size, kv.MaxValue)
	case f.keys < 1 || f.keys > mostBenchKeys:
		return usage("--keys %d is not between 1 and %d", f.keys, mostBenchKeys)
	case f.operation == benchPut && (changed("consistency") || changed("max-age")):
		return usage("--consistency and --max-age are of reads: bench get, or bench mixed")
	case f.operation != benchPut && (all > mostFilledKeys || all*f.size > mostFilledBytes):
		return usage("%d keys of %d bytes would be written first, and %d keys or %d bytes in all are the most: take fewer --keys or --clients, or a smaller --size",
			all, f.size, mostFilledKeys, mostFilledBytes)
	}
	l, err := client.ParseConsistency(f.freshness, f.maxAge)
	if err != nil {
		return usage("--consistency, --max-age: %w", err)
	}
	f.consistency = l
	return f.checkPrefix()
}

// checkPrefix makes a directory of the prefix, which must be one that users may
// write to.
func (f *benching) checkPrefix() error {
	if f.prefix == "" {
		return usage("--prefix '' is no place for a bench: name one, such as bench/")
	}
	if !strings.HasSuffix(f.prefix, "/") {
		f.prefix += "/"
	}
	for _, reserved := range []string{"values/", "locks/", "elections/"} {
		if strings.HasPrefix(f.prefix, reserved) {
			return usage("--prefix %s is reserved: keys below %s are written by the store alone", quoted(f.prefix), reserved)
		}
	}
	return nil
}

// announce says what is about to be done, in one line.
func (f *benching) announce(p *place, root string) {
	what := map[string]string{
		benchPut:   "put values",
		benchGet:   fmt.Sprintf("write %d keys, then get (%v) values", f.clients*f.keys, f.consistency),
		benchMixed: fmt.Sprintf("write %d keys, then put and get (%v) values", f.clients*f.keys, f.consistency),
	}[f.operation]
	end := "deleted at the end"
	if f.keep {
		end = "kept at the end"
	}
	f.note("%s for %v, as fast as they are answered: %s of %d bytes, of %d keys below %s of %s, %s",
		counted(f.clients, "client"), f.length+benchWarmUp, what, f.size, f.clients*f.keys, quoted(root), p.where(), end)
}

func counted(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// where names the cluster.
func (p *place) where() string {
	switch {
	case p.kube != nil && p.kube.Context != "":
		return fmt.Sprintf("the cluster in namespace %s of context %s", p.kube.Namespace, p.kube.Context)
	case p.kube != nil:
		return "the cluster in namespace " + p.kube.Namespace
	case p.local != nil:
		return "the local cluster in " + p.local.Dir()
	}
	return "the cluster at " + strings.Join(p.endpoints, ", ")
}

// perConnection is how many clients share a connection, and its stream.
const perConnection = 64

// connections are clients of the place, of which each begins at another address.
// On Kubernetes all go to the API server, over one.
func (p *place) connections(users int) (list []*client.Client, err error) {
	n := min(max(len(p.endpoints), (users+perConnection-1)/perConnection), users)
	if p.kube != nil {
		n = 1
	}
	for i := range n {
		first := i % len(p.endpoints)
		c, err := p.to(append(slices.Clone(p.endpoints[first:]), p.endpoints[:first]...))
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// limited is the time that one operation has.
func (f *benching) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if f.timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, f.timeout)
}
