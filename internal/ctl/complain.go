package ctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"paxos/client"
)

// problem is why a command failed, for those who read JSON: what a service
// answered, with paxosctl's own words for people, and the exit code. Status is
// that of HTTP, absent if no service refused it.
type problem struct {
	client.Problem
	Title  string `json:"title,omitempty"`
	Status int    `json:"status,omitempty"`
	Exit   int    `json:"exit_code"`
}

// kinds are the types of problems that are no service's, by their exit codes.
var kinds = map[int]string{
	ExitUsage: "usage", ExitNotFound: "not-found", ExitConflict: "conflict", ExitUnavailable: "unavailable",
	ExitUnknown: "unknown", ExitNoProgram: "no-program", ExitInterrupted: "interrupted",
}

// complain says on stderr why a command failed, and what to do: in two lines, or
// with -o json as JSON in one.
func (a *app) complain(cmd *cobra.Command, args []string, err error) {
	sentence, hint := explain(err)
	if hint == nobodyThere {
		hint = a.whomToStart(err, hint)
	}
	hint = a.here(followable(cmd, hint))
	if !a.wantsJSON(args) {
		fmt.Fprintf(a.Err, "%s\n", sentence)
		if hint != "" {
			fmt.Fprintf(a.Err, "%s\n", hint)
		}
		return
	}
	p := problem{Exit: exitCode(err)}
	if answered := (*client.Problem)(nil); errors.As(err, &answered) {
		p.Problem, p.Title, p.Status = *answered, answered.Title, answered.Status
	}
	if p.Type == "" {
		p.Type = "urn:paxosctl:error"
		if kind := kinds[p.Exit]; kind != "" {
			p.Type = "urn:paxosctl:" + kind
		}
	}
	p.Detail, p.Hint = sentence, hint
	enc := json.NewEncoder(a.Err)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(map[string]problem{"error": p})
}

// wantsJSON reports whether JSON was asked for, also by a command line that was
// not understood otherwise.
func (a *app) wantsJSON(args []string) bool {
	if a.started {
		return a.output == "json" || a.output == "ndjson"
	}
	if dash := slices.Index(args, "--"); dash >= 0 {
		args = args[:dash]
	}
	asked := regexp.MustCompile(`(^|\n)(-o[ =\n]?|--output[=\n])(nd)?json(\n|$)`)
	return asked.MatchString(strings.Join(args, "\n"))
}

// flagIn is a flag that a hint names.
var flagIn = regexp.MustCompile(`--([a-z][a-z-]*)`)

// followable is a hint without what this command cannot do: services tell
// everybody the same, and not every command has every flag.
func followable(cmd *cobra.Command, hint string) string {
	if cmd == nil || strings.Contains(hint, "paxosctl ") || strings.Contains(hint, "kubectl ") {
		return hint // it names the command whose flags these are
	}
	var parts []string
	for part := range strings.SplitSeq(hint, ", or ") {
		var kept []string
		for _, half := range strings.Split(part, ", ") {
			if !slices.ContainsFunc(flagIn.FindAllStringSubmatch(half, -1), func(m []string) bool { return lacks(cmd, m[1]) }) {
				kept = append(kept, half)
			}
		}
		if len(kept) > 0 {
			parts = append(parts, strings.Join(kept, ", "))
		}
	}
	return strings.Join(parts, ", or ")
}

func lacks(cmd *cobra.Command, flag string) bool {
	return flag != "help" && cmd.Flags().Lookup(flag) == nil
}
