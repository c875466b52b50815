package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"paxos/internal/local"
	"paxos/paxos"
	"paxos/test/ports"
)

// Ours is a cluster of this project: ten processes, as "paxosctl local up" starts
// them, with the default configuration.
type Ours struct {
	// Program is the path of the program "node".
	Program string
	// Learners is 0 for the usual number.
	Learners int
	// Share is how many cores each learner may use; 0: as many as it gets.
	Share float64
	// Args are flags for all nodes: for profiles, not for speed.
	Args []string

	cluster *local.Cluster
	release []func() error
}

// Name implements System.
func (o *Ours) Name() string { return "paxos" }

const (
	startPatience = 60 * time.Second
	stopPatience  = 20 * time.Second
	firstOffset   = 15500 // added to the usual ports; the last one of all stays below those that connections get
	offsets       = 60
)

// Start implements System.
func (o *Ours) Start(ctx context.Context, dir string) error {
	if o.Program == "" {
		return errors.New("the path of our program is not known")
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	offset, err := ports.FreeOffset(firstOffset, offsets, 10)
	if err != nil {
		return err
	}
	// Attached: whatever becomes of the bench, nothing of this stays behind.
	o.cluster, err = local.New(local.Options{Dir: dir, Program: []string{o.Program}, Attached: true, PortOffset: offset, Learners: o.Learners, Args: o.Args})
	if err != nil {
		return err
	}
	if err := o.cluster.Start(); err != nil {
		return err
	}
	if err := o.cluster.WaitAnswering(ctx, nil); err != nil {
		return err
	}
	if _, err := o.cluster.Initialise(ctx, nil); err != nil {
		return err
	}
	if _, err := o.cluster.WaitReady(ctx, nil); err != nil {
		return err
	}
	way, err := o.Way("http")
	if err != nil {
		return err
	}
	defer func() { _ = way.Close() }()
	if err := FirstWrite(ctx, way); err != nil || o.Share == 0 {
		return err
	}
	for _, n := range o.cluster.Of(paxos.LearnerRole) {
		release, err := Share(o.cluster.State(n.ID).PID, o.Share)
		if err != nil {
			return fmt.Errorf("%s: %w", n.ID, err)
		}
		o.release = append(o.release, release)
	}
	return nil
}

// FirstWrite writes until a write succeeds.
func FirstWrite(ctx context.Context, way Way) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	user, err := way.User(0)
	if err != nil {
		return err
	}
	for {
		if err = user.Put(ctx, "bench/first", []byte("first")); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no write succeeds: %w", err)
		case <-ticker.C:
		}
	}
}

// Processes implements System.
func (o *Ours) Processes() []int {
	if o.cluster == nil {
		return nil
	}
	var pids []int
	for _, n := range o.cluster.Nodes() {
		if pid := o.cluster.State(n.ID).PID; pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Roles implements Roled.
func (o *Ours) Roles() map[string][]int {
	if o.cluster == nil {
		return nil
	}
	roles := map[string][]int{}
	for _, n := range o.cluster.Nodes() {
		if pid := o.cluster.State(n.ID).PID; pid > 0 {
			roles[string(n.Role)] = append(roles[string(n.Role)], pid)
		}
	}
	return roles
}

// Stop implements System.
func (o *Ours) Stop() error {
	if o.cluster == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	err := o.cluster.Stop(ctx)
	for _, release := range o.release {
		err = errors.Join(err, release())
	}
	o.cluster, o.release = nil, nil
	return err
}

// LoseLeader implements System.
func (o *Ours) LoseLeader(ctx context.Context, silently bool) (int, error) {
	id, err := o.cluster.WaitLeader(ctx)
	if err != nil {
		return 0, err
	}
	pid := o.cluster.State(id).PID
	if silently {
		return pid, o.cluster.Pause(id)
	}
	return pid, o.cluster.Kill(id)
}

// Way implements System: "http" is the client services over REST, "learner" the
// same with reads asked of the learners directly.
func (o *Ours) Way(protocol string) (Way, error) {
	writes, reads := o.addresses(paxos.ClientRole), o.addresses(paxos.ClientRole)
	switch protocol {
	case "http":
	case "learner":
		reads = o.addresses(paxos.LearnerRole)
	case "stream":
		return newClientWay(writes)
	default:
		return nil, fmt.Errorf("paxos over %q: %w", protocol, ErrNot)
	}
	return &restWay{writes: writes, reads: reads}, nil
}

func (o *Ours) addresses(role paxos.RoleName) []string {
	var list []string
	for _, n := range o.cluster.Of(role) {
		list = append(list, n.Address)
	}
	return list
}

// syncCounter is the metric of nodes that have a journal.
const syncCounter = "paxos_journal_sync_seconds_count"

// Counters implements Counting.
func (o *Ours) Counters(ctx context.Context) (c Counters, err error) {
	for _, address := range slices.Concat(o.addresses(paxos.AcceptorRole), o.addresses(paxos.LearnerRole)) {
		text, err := fetch(ctx, "http://"+address+"/metrics")
		if err != nil {
			return c, err
		}
		n, err := Metric(text, syncCounter)
		if err != nil && strings.Contains(text, syncCounter) {
			return c, fmt.Errorf("%s: %w", address, err)
		}
		c.Syncs += int64(n)
	}
	return c, nil
}

// Metric adds up the samples of a name in a page of metrics, whatever their
// labels are.
func Metric(page, name string) (sum float64, err error) {
	found := false
	for line := range strings.Lines(page) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		fields := strings.Fields(rest[strings.LastIndexByte(rest, '}')+1:])
		var n float64
		if len(fields) == 0 {
			return 0, fmt.Errorf("%q has no number", line)
		}
		if _, err := fmt.Sscan(fields[0], &n); err != nil {
			return 0, fmt.Errorf("%q: %w", line, err)
		}
		sum, found = sum+n, true
	}
	if !found {
		return 0, fmt.Errorf("there is no metric %s", name)
	}
	return sum, nil
}

var plain = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil}}

func fetch(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := plain.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", url, response.Status)
	}
	return string(text), err
}
