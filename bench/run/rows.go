package run

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"paxos/bench/load"
	"paxos/bench/report"
)

func cell(system, protocol string, op load.Op, users, size int) report.Cell {
	return report.Cell{System: system, Protocol: protocol, Op: string(op), Users: users, Size: size}
}

// against is a cell of every system in a list of "system protocol".
func against(list string, op load.Op, users, size int) []report.Cell {
	var cells []report.Cell
	for one := range strings.SplitSeq(list, ",") {
		system, protocol, _ := strings.Cut(strings.TrimSpace(one), " ")
		cells = append(cells, cell(system, protocol, op, users, size))
	}
	return cells
}

const (
	usual = 256 // bytes of a value
	// durable are the peers that sync before they answer and are in the race for
	// the best.
	durable = "dragonboat http, nats native"
	grpc    = "etcd grpc"
	// probes are enough users for a write every 5 ms, if each waits for a second.
	probes = 256
)

// demanded are the rows that must hold.
func demanded() []report.Row {
	rows := []report.Row{
		{Name: "puts-rest-512-etcd-rest", What: "puts over REST, 512 clients, against etcd's REST", Ours: cell("paxos", "http", load.Put, 512, usual),
			Peers: against("etcd http", load.Put, 512, usual), Figure: report.Rate, AtLeast: 5, Stretch: 7},
		{Name: "puts-rest-512", What: "puts over REST (ours), 512 clients, against etcd gRPC", Ours: cell("paxos", "http", load.Put, 512, usual),
			Peers: against(grpc, load.Put, 512, usual), Figure: report.Rate, AtLeast: 3, Stretch: 4.5},
		{Name: "puts-rest-512-best", What: "puts over REST, 512 clients, against the best durable peer", Ours: cell("paxos", "http", load.Put, 512, usual),
			Peers: against(durable, load.Put, 512, usual), Figure: report.Rate, AtLeast: 1.2, Stretch: 1.8},
		{Name: "puts-rest-128-best", What: "puts over REST, 128 clients, against the best durable peer", Ours: cell("paxos", "http", load.Put, 128, usual),
			Peers: against(durable, load.Put, 128, usual), Figure: report.Rate, AtLeast: 1.2, Stretch: 1.8},
		{Name: "puts-stream-512-best", What: "puts through the Go client's stream, 512 callers, against the best durable peer", Ours: cell("paxos", "stream", load.Put, 512, usual),
			Peers: against(durable, load.Put, 512, usual), Figure: report.Rate, AtLeast: 3, Stretch: 4.5},
		{Name: "puts-1-p50", What: "puts, 1 client, p50 against etcd gRPC", Ours: cell("paxos", "http", load.Put, 1, usual),
			Peers: against(grpc, load.Put, 1, usual), Figure: report.P50, AtLeast: 0.8, Stretch: 0.6},
		{Name: "puts-512-p99", What: "p99 at 512 clients against etcd gRPC", Ours: cell("paxos", "http", load.Put, 512, usual),
			Peers: against(grpc, load.Put, 512, usual), Figure: report.P99, AtLeast: 0.5, Stretch: 0.3},
		{Name: "puts-512-cpu", What: "CPU seconds per 1,000 puts at 512 against etcd gRPC", Ours: cell("paxos", "http", load.Put, 512, usual),
			Peers: against(grpc, load.Put, 512, usual), Figure: report.CPU, AtLeast: 0.4, Stretch: 0.25},
		{Name: "gets-512", What: "linearizable gets, 512 clients, against etcd gRPC linearizable", Ours: cell("paxos", "http", load.Get, 512, usual),
			Peers: against(grpc, load.Get, 512, usual), Figure: report.Rate, AtLeast: 2, Stretch: 3},
		{Name: "batches-64", What: "batches of 64 puts in one request, 64 clients, against etcd transactions of 64", Ours: cell("paxos", "http", load.Batch, 64, usual),
			Peers: against(grpc, load.Batch, 64, usual), Figure: report.Rate, AtLeast: 3, Stretch: 5},
	}
	return append(rows, []report.Row{
		{Name: "failover", What: "time without a successful write after the leader's kill -9, against etcd tuned to short heartbeats", Ours: cell("paxos", "http", failover, probes, usual),
			Peers: against("etcd-tuned grpc-all", failover, probes, usual), Figure: report.Outage, AtLeast: 1, Stretch: 0.5},
		{Name: "failover-defaults", What: "the same, against etcd at its defaults", Ours: cell("paxos", "http", failover, probes, usual),
			Peers: against("etcd grpc-all", failover, probes, usual), Figure: report.Outage, AtLeast: 1},
		{Name: "learners", What: fmt.Sprintf("linearizable gets at the learners, 3 against 1, each held to %g of a core", learnerShare), Ours: cell("paxos/3-learners", "learner", load.Get, 512, usual),
			Peers: against("paxos/1-learner learner", load.Get, 512, usual), Figure: report.Rate, AtLeast: 2, Stretch: 2.5},
		{Name: "memory", What: "memory of all processes at 10^6 keys of 256 B, against etcd's three", Ours: cell("paxos", "http", memory, 64, usual),
			Peers: against(grpc, memory, 64, usual), Figure: report.Memory, AtLeast: 1, Stretch: 0.7},
	}...)
}

// matrix are the rest: one pair each, for information.
func matrix() []report.Row {
	var rows []report.Row
	add := func(name, what string, ours report.Cell, peers []report.Cell) {
		rows = append(rows, report.Row{Name: name, What: what, Ours: ours, Peers: peers, Figure: report.Rate})
	}
	all := "etcd grpc, etcd http, dragonboat http, nats native, rqlite http"
	for _, users := range []int{1, 16, 128, 512} {
		add(fmt.Sprintf("all-put-%d", users), fmt.Sprintf("puts, %d clients, all systems", users), cell("paxos", "http", load.Put, users, usual), against(all, load.Put, users, usual))
		add(fmt.Sprintf("all-get-%d", users), fmt.Sprintf("linearizable gets, %d clients, all systems", users), cell("paxos", "http", load.Get, users, usual), against(all, load.Get, users, usual))
	}
	given := "etcd-gogc grpc, dragonboat-gogc http, dragonboat-tuned http, nats-gogc native, etcd/in-batches grpc, dragonboat/in-batches http, nats/in-batches native"
	add("all-put-512-given", "puts, 512 clients, against peers that are given what our nodes choose themselves", cell("paxos", "http", load.Put, 512, usual), against(given, load.Put, 512, usual))
	for _, users := range []int{1, 16, 128, 512} {
		for _, op := range []load.Op{load.StaleGet, load.Mixed, load.Incr} {
			add(fmt.Sprintf("%s-%d", op, users), fmt.Sprintf("%s, %d clients", op, users), cell("paxos", "http", op, users, usual), against("etcd grpc, dragonboat http", op, users, usual))
		}
		for _, size := range []int{1 << 10, 16 << 10} {
			for _, op := range []load.Op{load.Put, load.Get} {
				add(fmt.Sprintf("%s-%d-%dk", op, users, size>>10), fmt.Sprintf("%ss of %d KiB, %d clients", op, size>>10, users), cell("paxos", "http", op, users, size),
					against("etcd grpc, dragonboat http, nats native", op, users, size))
			}
		}
	}
	for _, op := range []load.Op{load.Put, load.Get} {
		add(fmt.Sprintf("before-%s-512", op), fmt.Sprintf("%ss, 512 clients, against ours before anything was made faster (%s)", op, naive), cell("paxos", "http", op, 512, usual), against("paxos/before http", op, 512, usual))
	}
	add("gets-learner-512", "linearizable gets asked of the learners directly, 512 clients", cell("paxos", "learner", load.Get, 512, usual), against(grpc, load.Get, 512, usual))
	add("stream-put-16", "puts through the Go client, 16 callers", cell("paxos", "stream", load.Put, 16, usual), against(grpc, load.Put, 16, usual))
	add("log-length", "puts at growing lengths of the log, 128 clients", cell("paxos", "http", logLength, 128, usual), against(grpc, logLength, 128, usual))
	add("snapshots", "puts, 512 clients, against ours without snapshots", cell("paxos", "http", load.Put, 512, usual), against("paxos/no-snapshots http", load.Put, 512, usual))
	add("endurance", fmt.Sprintf("puts for %v, 512 clients: flat, and no elections", enduranceFor), cell("paxos", "http", endurance, 512, usual), nil)
	for _, watchers := range []int{16, 512} {
		rows = append(rows, report.Row{Name: fmt.Sprintf("watch-%d", watchers), What: fmt.Sprintf("%d writes a second to a key that %d watch: how late they are told", watchRate, watchers),
			Ours: cell("paxos", "http", watch, watchers, usual), Peers: against(grpc, watch, watchers, usual), Figure: report.P50})
	}
	rows = append(rows, report.Row{Name: "silence", What: "time without a successful write after the leader is stopped, with its connections open", Ours: cell("paxos", "http", silence, probes, usual),
		Peers: against("etcd-tuned grpc-all, etcd grpc-all, dragonboat http", silence, probes, usual), Figure: report.Outage})
	add("recovery-acceptor", "an acceptor is killed and started again under load", cell("paxos", "http", recoverAcceptor, 64, usual), nil)
	add("recovery-learner", "a learner is killed and started again under load", cell("paxos", "http", recoverLearner, 64, usual), nil)
	add("overload", "ten times as many clients as are needed", cell("paxos", "http", overload, 512, usual), nil)
	return rows
}

// pick gives the rows whose names match one of the patterns, in the order of the
// plan; "demanded" and "all" stand for many.
func pick(patterns string) ([]report.Row, error) {
	all := slices.Concat(demanded(), matrix())
	want := map[string]bool{}
	for p := range strings.SplitSeq(patterns, ",") {
		p = strings.TrimSpace(p)
		found := false
		for i, r := range all {
			ok, err := path.Match(p, r.Name)
			if err != nil {
				return nil, fmt.Errorf("-rows %q: %w", p, err)
			}
			if ok || p == "all" || p == "demanded" && i < len(demanded()) {
				want[r.Name], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("-rows: there is no row %q; -list shows them", p)
		}
	}
	return slices.DeleteFunc(all, func(r report.Row) bool { return !want[r.Name] }), nil
}
