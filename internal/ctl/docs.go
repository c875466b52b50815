package ctl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Markdown is docs/cli.md: every command as its own --help tells it.
func Markdown() string {
	var b strings.Builder
	root := Command()
	fmt.Fprintf(&b, "# paxosctl\n\n<!-- Written from the commands: go test ./internal/ctl -run TestTheManual -update -->\n\n%s\n", prose(root.Long))
	b.WriteString("\n## Exit codes\n\nEach has one meaning, for every command.\n\n| code | meaning |\n| --- | --- |\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "| %d | %s |\n", e.code, e.meaning)
	}
	b.WriteString("\n`make bin` builds bin/paxosctl; `go run` turns every exit code into 1.\n")
	b.WriteString("\n## Environment\n\n| variable | stands in for |\n| --- | --- |\n" +
		"| `PAXOS_CONTEXT` | `--context`, where `--kube` is given |\n| `PAXOS_ENDPOINTS` | `--endpoints` |\n| `PAXOS_DATA` | `--data` |\n| `PAXOS_PROPOSER_ENDPOINTS` | `--proposers` |\n| `PAXOS_ACCEPTOR_ENDPOINTS` | `--acceptors` |\n")
	b.WriteString(aboutKubernetes)
	b.WriteString("\n## Completion\n\n`source <(paxosctl completion bash)`; zsh, fish and powershell likewise. Names of nodes are completed too, and keys that are there.\n")
	describe(&b, root)
	return b.String()
}

const aboutKubernetes = "\n## Kubernetes\n\n" +
	"`--kube`, or `--context NAME`, sends every command of this page but those of `local` through the API server's proxy, with the rights of the kubeconfig: list of pods and deployments; get, create,\n" +
	"update and delete of pods/proxy and services/proxy. Nodes are found by their Deployments; `--proposers` and `--acceptors` may name Services, such as `acceptor1:4000`,\n" +
	"and `$PAXOS_PROPOSER_ENDPOINTS` and `$PAXOS_ACCEPTOR_ENDPOINTS` do not count. Exit code 2 is also a context that is not there and a right that is missing, 3 a namespace without nodes.\n\n" +
	"Under the name kubectl-paxos in `$PATH` it is a plugin: `go build -o ~/.local/bin/kubectl-paxos ./cmd/paxosctl`, then `kubectl paxos status`. `--kube` is the default there.\n\n" +
	"The proxy tidies up paths. Keys with an empty part or one that is `.` or `..` (`/a`, `a//b`, `a/../b`), and idempotency keys and names of locks and elections with a slash, do not pass: such a command is\n" +
	"refused with exit code 2, and nothing is done. `kubectl -n paxos port-forward service/client1 6001:6000` with `--endpoints 127.0.0.1:6001` is the way round it.\n"

func describe(b *strings.Builder, cmd *cobra.Command) {
	verbs := slices.Clone(cmd.Commands())
	slices.SortFunc(verbs, func(x, y *cobra.Command) int { return strings.Compare(x.Name(), y.Name()) })
	for _, v := range verbs {
		if v.Hidden || v.Name() == "help" || v.Name() == "completion" {
			continue
		}
		fmt.Fprintf(b, "\n## %s\n\n%s\n\n```\n%s\n", v.CommandPath(), prose(v.Long), v.UseLine())
		if flags := v.NonInheritedFlags(); flags.HasAvailableFlags() {
			fmt.Fprintf(b, "\n%s", flags.FlagUsages())
		}
		fmt.Fprintf(b, "```\n\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(v.Example, "  "), "\n  ", "\n"))
		describe(b, v)
	}
}

// prose is a help text without the exit codes, and without line breaks that
// are only there for terminals.
func prose(long string) string {
	long, _, _ = strings.Cut(long, "Exit codes:\n")
	paragraphs := strings.Split(strings.TrimSpace(long), "\n\n")
	for i, p := range paragraphs {
		if strings.HasPrefix(p, "  ") {
			paragraphs[i] = "```\n" + p + "\n```" // a table
			continue
		}
		paragraphs[i] = strings.ReplaceAll(p, "\n", " ")
	}
	return strings.Join(paragraphs, "\n\n")
}
