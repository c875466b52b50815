package ctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paxos/internal/local"
	"paxos/paxos"
)

// up is one run of "local up".
type up struct {
	*app
	cluster *local.Cluster
	detach  bool
	unsafe  bool
	offset  int
	patient time.Duration
	before  map[paxos.NodeID]bool // nodes that ran already
	begun   time.Time
}

func (a *app) localUp() *cobra.Command {
	u := &up{app: a}
	cmd := &cobra.Command{
		Use: "up [-- FLAGS OF NODES]", Short: "Starts the local cluster and waits until it is of use.",
		Long: "Starts the local cluster, makes it if its directory is empty, and waits until one of its proposers leads.\n" +
			"Then it shows the nodes and stays, until Ctrl-C stops them all; with --detach it ends and they stay.\n" +
			"If nodes run already, it starts those that are missing, shows them all, and ends.\n\n" +
			"Only a cluster whose acceptors' directories are all empty is made without asking: an empty one beside\nothers is a lost disk. " +
			"What follows -- is given to every node, see \"paxosctl node proposer --help\"; it is\n" +
			"remembered, as the port offset is, until \"up --\" with nothing after it clears it.\n\n" + aboutExits(),
		Example: "  paxosctl local up\n  paxosctl local up --detach --data /var/tmp/paxos --port-offset 100\n  paxosctl local up --detach -- --log-level debug",
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if at := cmd.ArgsLenAtDash(); len(args) > 0 && at != 0 {
			return usage("%s: %q is not expected; flags of nodes follow --", cmd.CommandPath(), args[0])
		}
		return nil
	}
	cmd.Flags().BoolVarP(&u.detach, "detach", "d", false, "end when the cluster is up, and leave it running")
	cmd.Flags().IntVar(&u.offset, "port-offset", 0, "added to every port (default: as last time, at first 0)")
	cmd.Flags().BoolVar(&u.unsafe, "allow-unsafe-filesystem", false, "accept data on tmpfs or overlayfs, which forget")
	cmd.Flags().DurationVar(&u.patient, "timeout", time.Minute, "how long the cluster may take to come up")
	a.dataFlag(cmd)
	a.outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := u.prepare(cmd, args); err != nil {
			return err
		}
		return u.run(cmd.Context())
	}
	return cmd
}

// prepare finds out which cluster it is, and what of it runs already.
func (u *up) prepare(cmd *cobra.Command, args []string) error {
	saved, known, err := local.Saved(u.data)
	if err != nil {
		return err
	}
	opts := saved
	if cmd.Flags().Changed("port-offset") {
		opts.PortOffset = u.offset
	}
	if cmd.ArgsLenAtDash() == 0 {
		opts.Args = args
	}
	if u.unsafe {
		opts.AcceptorArgs = []string{"--allow-unsafe-filesystem"}
	}
	wanted, err := local.New(opts)
	if err == nil {
		err = wanted.Check()
	}
	if err != nil {
		return usage("%w", err)
	}
	if known {
		if err := u.refuseOther(saved, opts); err != nil {
			return err
		}
	}
	if err := u.refusePaused(wanted, everyNode(wanted)); err != nil {
		return err
	}
	u.before, u.begun = map[paxos.NodeID]bool{}, time.Now()
	for _, id := range inState(wanted, everyNode(wanted), local.Running) {
		u.before[id] = true
	}
	// Nodes beside others that this command did not start are nobody's here.
	opts.Attached = !u.detach && len(u.before) == 0
	if opts.Program, err = program(u.data); err != nil {
		return err
	}
	u.cluster, err = local.New(opts)
	return err
}

// refuseOther refuses other options than those with which nodes run: the
// other commands find the nodes by them.
func (u *up) refuseOther(saved, wanted local.Options) error {
	c, err := local.New(saved)
	if err != nil || len(inState(c, everyNode(c), local.Stopped)) == len(c.Nodes()) {
		return err
	}
	runs := ""
	switch {
	case saved.PortOffset != wanted.PortOffset:
		runs = fmt.Sprintf("at port offset %d", saved.PortOffset)
	case !slices.Equal(saved.Args, wanted.Args):
		runs = "with " + cmp.Or(strings.Join(saved.Args, " "), "no flags after --")
	default:
		return nil
	}
	return failed(ExitConflict, u.localHint("down", nil)+" first", "the cluster in %s runs %s", c.Dir(), runs)
}

func (u *up) run(ctx context.Context) error {
	missing := len(u.cluster.Nodes()) - len(u.before)
	switch {
	case missing == 0:
		u.note("the cluster in %s is running already", u.cluster.Dir())
	case len(u.before) > 0:
		u.note("%d nodes are running already in %s; starting %d more", len(u.before), u.cluster.Dir(), missing)
	default:
		u.note("starting %d nodes in %s", missing, u.cluster.Dir())
	}
	if err := u.rise(ctx); err != nil {
		u.fall()
		return err
	}
	list := rows(ctx, u.cluster, everyNode(u.cluster))
	if err := u.printRows(list); err != nil {
		return err
	}
	u.next(list)
	if u.detach || len(u.before) > 0 {
		return nil
	}
	u.note("Ctrl-C stops all nodes")
	u.stay(ctx)
	return nil
}

// rise starts what is missing and waits until the cluster is of use.
func (u *up) rise(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, u.patient, notUp(u.patient))
	defer cancel()
	fresh, err := u.cluster.Fresh()
	if err != nil {
		return err
	}
	if err := u.start(); err != nil {
		return err
	}
	tell := func(pending string) { u.note("%5.1fs  waiting for %s", time.Since(u.begun).Seconds(), pending) }
	if err := u.cluster.WaitAnswering(ctx, tell); err != nil {
		return u.explained(err)
	}
	if fresh {
		tell("the acceptors to form the cluster")
		made, err := u.cluster.Initialise(ctx, tell)
		if err != nil {
			return err
		}
		u.note("%5.1fs  initialised cluster %s", time.Since(u.begun).Seconds(), made)
	}
	u.warn(ctx)
	leader, err := u.cluster.WaitReady(ctx, tell)
	if err != nil {
		return u.explained(err)
	}
	u.note("%5.1fs  %s leads, all nodes are there", time.Since(u.begun).Seconds(), leader)
	return nil
}

// notUp is why nobody waits for the cluster any longer.
type notUp time.Duration

// Error implements error.
func (n notUp) Error() string {
	return fmt.Sprintf("the cluster was not up after %v", time.Duration(n))
}

// Is makes it a deadline that has passed.
func (n notUp) Is(target error) bool { return target == context.DeadlineExceeded }

func (u *up) start() error {
	err := u.cluster.Start()
	var taken *local.PortError
	if errors.As(err, &taken) {
		return failed(ExitError, "stop that process, or choose other ports with --port-offset", "%w", err)
	}
	return err
}

// explained adds what to do where it is known.
func (u *up) explained(err error) error {
	var ended *local.EndedError
	switch {
	case errors.As(err, &ended) && (strings.Contains(ended.Hint, "tmpfs") || strings.Contains(ended.Hint, "overlayfs")):
		return failed(ExitError, "choose a directory on a disk with --data, or say --allow-unsafe-filesystem", "%w", err)
	case errors.Is(err, context.DeadlineExceeded):
		return failed(ExitUnavailable, "the nodes' logs are in "+filepath.Join(u.cluster.Dir(), "log"), "%w", err)
	}
	return err
}

// warn tells of acceptors that may not vote: without them there may never be a
// leader.
func (u *up) warn(ctx context.Context) {
	for _, n := range u.cluster.Of(paxos.AcceptorRole) {
		if h, err := u.cluster.Health(ctx, n.ID); err == nil && h.Status == "mute" {
			u.note("        %s does not vote: %s", n.ID, h.Why)
		}
	}
}

// fall stops what this run started, when it did not come up.
func (u *up) fall() {
	var ours []paxos.NodeID
	for _, n := range u.cluster.Nodes() {
		if !u.before[n.ID] && u.cluster.State(n.ID).Status != local.Stopped {
			ours = append(ours, n.ID)
		}
	}
	if len(ours) == 0 {
		return
	}
	u.note("stopping %d nodes", len(ours))
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	if err := u.cluster.Stop(ctx, ours...); err != nil {
		u.note("%v", err)
	}
}

// next says what one may do now.
func (u *up) next(list []localNode) {
	self := os.Args[0]
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, "go-build") {
		self = "go run ./cmd/paxosctl" // which is how it was started
	}
	at := ""
	if u.dataGiven {
		at = " --data " + u.data
	}
	var one string
	for _, r := range list {
		if r.Role == paxos.ClientRole && one == "" {
			one = r.Address
		}
	}
	u.note("\nNext:\n  %s send%s teste123\n  %s read%s\n  %s local kill%s acceptor1", self, at, self, at, self, at)
	u.note("  curl -s -X POST %s/send -d '{\"value\":\"teste123\"}'", one)
	if u.detach || len(u.before) > 0 {
		u.note("  %s local down%s", self, at)
	}
}

// stay tells of nodes that come and go until ctx ends, then stops them all.
func (u *up) stay(ctx context.Context) {
	last := map[paxos.NodeID]local.State{}
	for _, n := range u.cluster.Nodes() {
		last[n.ID] = u.cluster.State(n.ID)
	}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			u.note("")
			u.fall()
			return
		case <-ticker.C:
		}
		left := len(last)
		for _, n := range u.cluster.Nodes() {
			now := u.cluster.State(n.ID)
			if now.Status == local.Stopped {
				left--
			}
			if now.Status != last[n.ID].Status || now.PID != last[n.ID].PID {
				u.tellChange(n.ID, now)
				last[n.ID] = now
			}
		}
		if left == 0 {
			u.note("no node is left")
			return
		}
	}
}

// watchEvery is how often a cluster in the foreground is looked at.
const watchEvery = 250 * time.Millisecond

func (u *up) tellChange(id paxos.NodeID, now local.State) {
	switch {
	case now.Status == local.Stopped && now.Hint != "":
		u.note("%s has ended: %s (paxosctl local start %s starts it again)", id, now.Hint, id)
	case now.Status == local.Running:
		u.note("%s is running (process %d)", id, now.PID)
	default:
		u.note("%s is %s", id, now.Status)
	}
}
