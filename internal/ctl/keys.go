package ctl

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// What the commands of the key-value store share: how fresh a read is, what a
// write depends on, and what it answers.

// storeFlags adds what the commands of the store need; trying is what --timeout
// bounds.
func (a *app) storeFlags(cmd *cobra.Command, trying string, formats ...string) {
	a.remoteFlags(cmd, formats...)
	cmd.Flags().Lookup("timeout").Usage = trying
}

const keepTrying = "how long to keep trying, such as 500ms or 1m (default 10s)"

// freshness are the flags of reads.
type freshness struct {
	name   string
	maxAge time.Duration
	token  string
}

func (f *freshness) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "consistency", "linearizable", "linearizable, session, bounded or stale")
	cmd.Flags().DurationVar(&f.maxAge, "max-age", 0, "with --consistency bounded: how old the state may be, such as 500ms")
	cmd.Flags().StringVar(&f.token, "session-token", "", "with --consistency session: the session_token of an earlier answer (-o json)")
	_ = cmd.RegisterFlagCompletionFunc("consistency",
		cobra.FixedCompletions([]string{"linearizable", "session", "bounded", "stale"}, cobra.ShellCompDirectiveNoFileComp))
}

func (f *freshness) option() (client.ReadOption, error) {
	if f.token != "" {
		if f.name != "session" {
			return nil, usage("--session-token belongs to --consistency session")
		}
		return client.SessionAfter(f.token), nil
	}
	if f.name == "session" {
		return nil, usage("--consistency session needs --session-token")
	}
	l, err := client.ParseConsistency(f.name, f.maxAge)
	if err != nil {
		return nil, usage("--consistency, --max-age: %w", err)
	}
	return l, nil
}

const aboutConsistency = "linearizable sees every write that was answered before; it needs a quorum of acceptors. session sees at\n" +
	"least what --session-token has seen, bounded what was the latest --max-age ago, stale whatever one learner\nhas. -o json says how fresh an answer is."

// dependence are the flags of writes.
type dependence struct {
	key     string
	mod     uint64
	missing bool
	exists  bool
	fences  []string
}

// flags adds those that all writes have, and with conditions those that are
// about the one key that is written.
func (d *dependence) flags(cmd *cobra.Command, conditions bool) {
	cmd.Flags().StringVar(&d.key, "key", "", "idempotency key: the same write under the same key is applied once (default: a random one)")
	cmd.Flags().StringArrayVar(&d.fences, "fence", nil, "NAME:TOKEN of a lock that must be held, as $PAXOS_FENCE; may be repeated")
	if conditions {
		cmd.Flags().Uint64Var(&d.mod, "if-match", 0, "only if the key was last changed at this revision")
		cmd.Flags().BoolVar(&d.missing, "if-missing", false, "only if the key is not there")
		cmd.Flags().BoolVar(&d.exists, "if-exists", false, "only if the key is there")
		exclusive(cmd, "if-match", "if-missing", "if-exists")
	}
}

func (d *dependence) options(cmd *cobra.Command) ([]client.WriteOption, error) {
	var opts []client.WriteOption
	if d.key != "" {
		opts = append(opts, client.Key(d.key))
	}
	if flag := cmd.Flags().Lookup("if-match"); flag != nil && flag.Changed {
		opts = append(opts, client.IfRevision(d.mod))
	}
	if d.missing {
		opts = append(opts, client.IfMissing())
	}
	if d.exists {
		opts = append(opts, client.IfExists())
	}
	for _, text := range d.fences {
		at := strings.LastIndexByte(text, ':')
		if at < 1 {
			return nil, usage("--fence %q is not NAME:TOKEN", text)
		}
		name, err := url.PathUnescape(text[:at])
		token, bad := paxos.ParseUint(text[at+1:])
		if err != nil || bad != nil {
			return nil, usage("--fence %q is not NAME:TOKEN", text)
		}
		opts = append(opts, client.Fenced(name, token))
	}
	return opts, nil
}

// fenceOf is a held lock as --fence and the header If-Fence take it.
func fenceOf(p client.Place) string {
	return url.PathEscape(p.Name) + ":" + strconv.FormatUint(uint64(p.Token), 10)
}

// leaseFlag is a lease's id among a command's flags.
type leaseFlag struct{ id kv.LeaseID }

// String implements pflag.Value.
func (l *leaseFlag) String() string {
	if l.id == 0 {
		return ""
	}
	return l.id.String()
}

// Set implements pflag.Value.
func (l *leaseFlag) Set(text string) error { return l.id.UnmarshalText([]byte(text)) }

// Type implements pflag.Value.
func (l *leaseFlag) Type() string { return "lease" }

// ttlFlag is a time to live among a command's flags.
type ttlFlag time.Duration

// String implements pflag.Value.
func (t *ttlFlag) String() string { return time.Duration(*t).String() }

// Set implements pflag.Value.
func (t *ttlFlag) Set(text string) error {
	d, err := parseTTL(text)
	*t = ttlFlag(d)
	return err
}

// Type implements pflag.Value.
func (t *ttlFlag) Type() string { return "duration" }

// parseTTL reads a time to live: a duration, or a number of seconds, which is
// what users of etcd write.
func parseTTL(text string) (time.Duration, error) {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no TTL, such as 30s or 10m, or a number of seconds", text)
	}
	return d, nil
}

// stored says what went wrong with a write of the store, and what to do.
func (a *app) stored(err error) error {
	name := client.KeyOf(err)
	if name != "" {
		name = keyWords(name)
	}
	return currentOf(a.whatNow(err, name))
}

func (a *app) printWritten(w client.Written) error {
	return a.print(w, func(row func(...any)) {
		row("KEY", "REVISION", "VERSION", "SLOT")
		if w.Key != nil {
			row(cell(w.Key.Key), w.Revision, w.Key.Version, w.Slot)
		}
		beforeRows(row, w.Prev)
	})
}

// beforeRows are a table of their own, of keys as they were before a write.
func beforeRows(row func(...any), keys []client.KV) {
	if len(keys) == 0 {
		return
	}
	row()
	row("BEFORE", "VALUE", "REVISION", "VERSION", "LEASE")
	for _, k := range keys {
		row(cell(k.Key), short(k), k.Mod, k.Version, leaseOf(k))
	}
}

// leaseOf is a key's lease in a table.
func leaseOf(k client.KV) string {
	if k.Lease == nil {
		return "-"
	}
	return k.Lease.String()
}

// mostShown is how many characters of a value stand in a table.
const mostShown = 100

// short is a value in a table; JSON and -o value have all of it.
func short(k client.KV) string {
	text := k.Text()
	if runes := []rune(text); len(runes) > mostShown {
		return cell(string(runes[:mostShown])) + "…"
	}
	return cell(text)
}
