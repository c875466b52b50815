package docs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A command line of the documentation is run by bash as it stands, in an empty
// directory in which scripts/ is the real one, except for what change does. It
// must end with exit code 0, and a curl line with a status of its examples (2xx
// if it has none). Everything else is said here.

// change turns a command line into the one that is run:
//
//   - "go run ./cmd/paxosctl" becomes the program that it builds, since go run
//     hides exit codes (the README's first command is run as it stands);
//   - ports are moved by the offset, and addresses that stand for another
//     machine's acceptors become this one's;
//   - "local up" gets the ports and the directory of this test;
//   - a send waits longer, since machines that run tests are slow;
//   - the tools that test (cmd/sim and its like) are run where they are, and a leg
//     of 50 minutes takes a second and adds its sums to a file of this test.
func (c *cluster) change(line string) string {
	if strings.HasPrefix(line, "go run ./cmd/") && !strings.HasPrefix(line, "go run ./cmd/paxosctl") {
		line = strings.NewReplacer("-for 50m", "-for 1s", "-sums docs/figures/", "-sums "+c.dir+"/").Replace(line)
		return fmt.Sprintf("cd %q && %s", c.module, line)
	}
	line = strings.ReplaceAll(line, "go run ./cmd/paxosctl", "paxosctl")
	line = otherMachine.ReplaceAllString(line, "127.0.0.1:400$1")
	line = localPort.ReplaceAllStringFunc(line, func(address string) string {
		port, _ := strconv.Atoi(strings.TrimPrefix(address, "127.0.0.1:"))
		return fmt.Sprintf("127.0.0.1:%d", port+c.offset)
	})
	line = strings.ReplaceAll(line, "/var/tmp/paxos", c.dir+"/other")
	line = strings.ReplaceAll(line, "--port-offset 100", fmt.Sprintf("--port-offset %d%s", c.other, c.unsafe))
	if !strings.Contains(line, "--port-offset") {
		line = strings.ReplaceAll(line, "local up", fmt.Sprintf("local up --port-offset %d%s", c.offset, c.unsafe))
	}
	return strings.ReplaceAll(line, "paxosctl send ", "paxosctl send --timeout 7500ms ")
}

var (
	localPort    = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)
	otherMachine = regexp.MustCompile(`10\.0\.0\.1([1-3]):4001`)
)

// firstCommand is the README's: it is run as it stands, but for the directory
// and the ports, and stays in the background while the pages are played.
const firstCommand = "go run ./cmd/paxosctl local up"

// tour are the pages in the order in which they are played. The manual comes
// last: it is no tour, but examples of each command, so nodes that a block has
// stopped are started again after it.
var tour = []string{"README.md", "docs/protocol.md", "docs/store.md", "docs/api.md", "docs/*.md"}

const manual = "docs/cli.md"

// onKubernetes are pages whose every command line is for a cluster that is
// deployed there: test/e2e plays them.
var onKubernetes = []string{"docs/kubernetes.md", "docs/troubleshooting.md"}

// needsKubernetes is why a line of another page is not run here.
const needsKubernetes = "it needs Kubernetes: test/e2e runs it"

// fillsTheHistory is why a bench is not run before what else the manual shows.
const fillsTheHistory = "its writes would crowd out the history that later lines read: internal/ctl runs it"

// expectation is what a command line does that is not the rule.
type expectation struct {
	page, line string
	exit       int
	status     string   // of curl, if there is no example: a pattern
	contains   []string // of what it prints, once each
	endless    bool     // it never ends: it gets SIGTERM after its first output
	elsewhere  string   // why it is not run here
	after      string   // run when it is done
}

var plan = []expectation{
	{page: "README.md", line: firstCommand, elsewhere: "it runs in the background all the time"},
	{page: "README.md", line: "go test ./...", elsewhere: "this test is part of it; .ci/run runs it"},
	{page: "README.md", line: "curl -s 127.0.0.1:6002/read", contains: []string{`"value":"teste123"`}},
	{page: "README.md", line: "curl -s 127.0.0.1:5002/get-values", contains: []string{`"value":"teste123"`}},
	{page: "README.md", line: "go run ./cmd/paxosctl status", contains: []string{"leads with ballot"}},
	{page: "README.md", line: "scripts/monitor.sh", exit: 143, endless: true},
	{page: "README.md", line: `curl -s -X POST 127.0.0.1:6001/send -d '{"value":"with one acceptor"}'`, status: "503|504"},
	{page: "README.md", line: "curl -s 127.0.0.1:6001/read", contains: []string{`"value":"teste123"`, `"value":"with two acceptors"`}},
	{page: "README.md", line: "go run ./cmd/paxosctl read", contains: []string{"teste123\n", "after the leader\n", "with two acceptors\n", "healed\n"}},

	{page: "README.md", line: "curl -s 127.0.0.1:6002/kv/greeting", contains: []string{"olá"}},
	{page: "README.md", line: "go run ./cmd/paxosctl incr visits", contains: []string{"1"}},
	{page: "README.md", line: `go run ./cmd/paxosctl lock deploy -- echo "nobody else deploys now"`, contains: []string{"nobody else deploys now\n"}},
	{page: "README.md", line: "go run ./cmd/paxosctl watch visits --from 2", endless: true},

	{page: "README.md", line: "scripts/deploy-paxos-k8s.sh", elsewhere: needsKubernetes},
	{page: "README.md", line: "scripts/run.sh", elsewhere: needsKubernetes},
	{page: "README.md", line: "scripts/paxos-client.sh --kube", elsewhere: needsKubernetes},
	{page: "README.md", line: "kubectl --context kind-paxos -n paxos scale deployment acceptor1 --replicas=0", elsewhere: needsKubernetes},
	{page: "README.md", line: "kubectl --context kind-paxos -n paxos scale deployment acceptor1 --replicas=1", elsewhere: needsKubernetes},
	{page: "README.md", line: "scripts/fault-test.sh", elsewhere: needsKubernetes},
	{page: "README.md", line: "scripts/cleanup-paxos-k8s.sh", elsewhere: needsKubernetes},

	{page: "docs/store.md", line: "curl -s '127.0.0.1:6002/kv/config/?prefix'", contains: []string{`"config/colour"`, `"config/size"`}},
	{page: "docs/store.md", line: "go run ./cmd/paxosctl get config/ --prefix -o table", contains: []string{"config/colour ", "config/size "}},
	{page: "docs/store.md", line: "curl -s 127.0.0.1:6001/outcome/visit-1", contains: []string{`"applied"`}},
	{page: "docs/store.md", line: `curl -s -X PUT 127.0.0.1:6001/kv/config/colour -H 'If-None-Match: *' -d 'red'`, status: "412"},
	{page: "docs/store.md", line: "curl -s -N '127.0.0.1:6001/watch?prefix=config/&from=2'", exit: 143, endless: true},
	{page: "docs/store.md", line: "go run ./cmd/paxosctl watch config/ --from 2", endless: true},
	{page: "docs/store.md", line: `curl -s -X PUT 127.0.0.1:6001/kv/job -H 'If-Fence: press:1' -d 'by nobody who holds it'`, status: "412"},
	{page: "docs/store.md", line: `go run ./cmd/paxosctl elect scheduler node-7 -- echo "I lead"`, contains: []string{"I lead\n"}},

	{page: "docs/api.md", line: "curl -s -N '127.0.0.1:5001/view-logs?format=text&follow=1'", exit: 143, endless: true},
	{page: "docs/api.md", line: "curl -s -N '127.0.0.1:6001/watch?prefix=config/&from=2'", exit: 143, endless: true},
	{page: "docs/api.md", line: "curl -s 127.0.0.1:6001/kv/config/color", contains: []string{"blue"}},
	{page: "docs/api.md", line: "curl -s 127.0.0.1:3001/openapi.yaml", contains: []string{"openapi: 3.1.0\n"}},
	{page: "docs/api.md", line: "curl -s 127.0.0.1:4001/livez", contains: []string{"ok\n"}},
	{page: "docs/api.md", line: "curl -s 127.0.0.1:4001/readyz", contains: []string{"ok\n"}},
	{page: "docs/api.md", line: "curl -s 127.0.0.1:4001/metrics", contains: []string{"\npaxos_records_kept_total{"}},

	{page: ladderPage, line: "go test ./...", elsewhere: "this test is part of it; .ci/run runs it"},
	{page: ladderPage, line: "scripts/fuzz.sh", elsewhere: "it takes minutes; .ci/run runs it, and scripts/test plays it"},
	{page: ladderPage, line: "scripts/fuzz.sh 30s -sums docs/figures/fuzzing.json", elsewhere: "it takes minutes; scripts/test plays it"},
	{page: ladderPage, line: "go run ./cmd/crash", elsewhere: "it takes a minute; test/crash runs it with fewer states"},
	{page: ladderPage, line: "go run ./cmd/crash -states 10000000 -for 50m -sums docs/figures/crash.json", elsewhere: "a life takes many seconds; test/crash runs it with fewer states"},
	{page: ladderPage, line: "go run ./cmd/crash -at learner:7", contains: []string{"nothing is wrong"}},
	{page: ladderPage, line: "go run ./cmd/model -short", elsewhere: "it takes a minute; package model has a test of it"},
	{page: ladderPage, line: "go run ./cmd/model -for 50m -sums docs/figures/model.json", contains: []string{"no violation", "model: 1 leg"}},
	{page: ladderPage, line: "go run ./cmd/model -campaigns 1,1 -commands 2 -own -slots 2 -window 1 -crashes 1 -restarts 0 -beats=false -depth 25 -memory 10240 -complete", elsewhere: "it takes minutes and gigabytes; the short form has the same space with fewer steps"},
	{page: ladderPage, line: "go run ./cmd/sim -seeds 20", contains: []string{" 20  seeds\n", " 0  violations\n"}},
	{page: ladderPage, line: "go run ./cmd/sim -seeds 5000 -within 5m -last docs/figures/simulation-short.json", elsewhere: "it takes minutes; the line before it is the same with fewer seeds"},
	{page: ladderPage, line: "go run ./cmd/sim -for 50m -sums docs/figures/simulation.json", contains: []string{" 0  violations\n", "simulation: 1 leg"}},
	{page: ladderPage, line: "go run ./cmd/sim -seed 17 -v", contains: []string{"THE CORE HEALS", "ALL HEALS", " 0  violations\n"}},
	{page: ladderPage, line: "go run ./cmd/sim -seed 17 -shrink", exit: 1}, // nothing is wrong in that seed
	{page: ladderPage, line: "go run ./cmd/sim -scenario sim/testdata/learner-that-is-passed-over.json -v", contains: []string{" 0  violations\n"}},
	{page: ladderPage, line: "go run ./cmd/mutants -list", contains: []string{"promise-not-durable\n", "gap-never-filled\n"}},
	{page: ladderPage, line: "go run ./cmd/mutants -only ballot-reused", elsewhere: "it takes a minute and more, most of it without a bug; test/mutants plays it"},
	{page: ladderPage, line: "go run ./cmd/mutants -only wish-dropped -shrink", contains: []string{"\"faults\": "}},
	{page: ladderPage, line: "go run ./cmd/mutants -sums docs/figures/mutants.json", elsewhere: "it takes an hour; test/mutants plays it"},
	{page: ladderPage, line: "PAXOS_SUMS=docs/figures/partial.json go test -count=1 ./test/partial", elsewhere: "it is a part of go test ./..., beside this test"},
	{page: ladderPage, line: "go run ./cmd/chaos", elsewhere: "it takes minutes; test/chaos runs the same"},
	{page: ladderPage, line: "go run ./cmd/chaos -operations 1000000 -sums docs/figures/chaos.json", elsewhere: "it takes hours; test/chaos runs the same with fewer operations"},
	{page: ladderPage, line: "E2E=1 go test -v -timeout 30m ./test/e2e", elsewhere: needsKubernetes},
	{page: ladderPage, line: "go run ./cmd/figures", elsewhere: "it would write that page; the next line only looks"},

	{page: manual, line: "paxosctl bench", elsewhere: fillsTheHistory},
	{page: manual, line: "paxosctl bench get --clients 256 --consistency stale", elsewhere: fillsTheHistory},
	{page: manual, line: "paxosctl bench mixed --for 1m --size 4096 --keys 100", elsewhere: fillsTheHistory},
	{page: manual, line: "paxosctl bench put --for 5s -o json | jq '.operations[] | {per_second, p99_ms}'", elsewhere: fillsTheHistory},
	{page: manual, line: `curl -s -X POST $(paxosctl leader -o json | jq -r .address)/propose -d '{"value":"x"}'`, contains: []string{`"placed":`}},
	{page: manual, line: "paxosctl local up --detach --data /var/tmp/paxos --port-offset 100", contains: []string{" leads"},
		after: "paxosctl local down --data /var/tmp/paxos && paxosctl local down"}, // what follows -- wants nodes that do not run
	{page: manual, line: "paxosctl explain --context kind-paxos", elsewhere: needsKubernetes},
	{page: manual, line: "paxosctl logs --follow --kind prepare,promise,elected", endless: true},
	{page: manual, line: "paxosctl outcome order-4711", exit: 3},                // no such key was used
	{page: manual, line: "paxosctl outcome 0123456789abcdef/7", exit: 3},        // no such command was sent
	{page: manual, line: "paxosctl cas config/color green blue", exit: 4},       // it is blue by then
	{page: manual, line: "paxosctl compact 120", exit: 2},                       // there are not so many revisions yet
	{page: manual, line: "paxosctl elect scheduler --leader -o value", exit: 3}, // nobody leads any more
	{page: manual, line: "paxosctl get config/color", exit: 3},                  // it was deleted
	{page: manual, line: "paxosctl get config/color -o json --consistency bounded --max-age 500ms", exit: 3},
	{page: manual, line: "paxosctl lease keep-alive 00000000000000ab", endless: true},
	{page: manual, line: "paxosctl put --lease 00000000000000ab workers/7 ready", exit: 3}, // it was revoked
	{page: manual, line: "paxosctl put --if-match 12 config/color blue", exit: 4},          // it is at another revision
	{page: manual, line: "paxosctl watch config/", endless: true},
	{page: manual, line: "paxosctl watch --key config/color -o value", endless: true},
	{page: manual, line: "paxosctl watch config/ --from 120 -o json", endless: true},
	{page: manual, line: `paxosctl watch config/ -- sh -c 'echo "$PAXOS_WATCH_KEY is now $(cat)"'`, endless: true},
	{page: manual, line: "paxosctl elect scheduler --observe", endless: true},
	{page: manual, line: "paxosctl read --slot 42", exit: 5}, // there is no such slot yet
}

// expected gives what is expected of a line, and which expectation says so, -1
// for the rule.
func expected(page, line string) (expectation, int) {
	for i, e := range plan {
		if e.page == page && e.line == line {
			return e, i
		}
	}
	return expectation{page: page, line: line}, -1
}
