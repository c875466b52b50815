package ctl

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paxos/client"
	"paxos/internal/kube"
	"paxos/internal/service"
	"paxos/paxos"
)

// onKubernetes are the flags of a cluster on Kubernetes.
type onKubernetes struct {
	plugin    bool // this runs as kubectl paxos: Kubernetes is where the cluster is
	kube      bool
	context   string
	namespace string
}

// kubeFlags adds --kube and what goes with it.
func (a *app) kubeFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.on.kube, "kube", a.on.plugin, "the cluster is on Kubernetes: through its API server's proxy, as kubectl")
	cmd.Flags().StringVar(&a.on.context, "context", "", "context of the kubeconfig, implies --kube ($PAXOS_CONTEXT, else the current one)")
	cmd.Flags().StringVarP(&a.on.namespace, "namespace", "n", kube.DefaultNamespace, "with --kube: namespace of the nodes")
	_ = cmd.RegisterFlagCompletionFunc("context", cobra.NoFileCompletions)
	_ = cmd.RegisterFlagCompletionFunc("namespace", cobra.NoFileCompletions)
}

// settleKube settles whether the cluster is on Kubernetes.
func (a *app) settleKube(cmd *cobra.Command) error {
	flags := cmd.Flags()
	if flags.Lookup("kube") == nil {
		return nil
	}
	said := ""
	if flags.Changed("kube") && a.on.kube {
		said = "--kube"
	}
	if flags.Changed("context") {
		if flags.Changed("kube") && !a.on.kube {
			return usage("--context and --kube=false do not go together")
		}
		said, a.on.kube = cmp.Or(said, "--context"), true
	}
	for _, other := range []string{"endpoints", "data"} {
		if flags.Changed(other) {
			if said != "" {
				return usage("%s and --%s do not go together", said, other)
			}
			a.on.kube = false // of kubectl paxos it is only the default
		}
	}
	if flags.Changed("namespace") && !a.on.kube {
		return usage("--namespace is of a cluster on Kubernetes: say --kube too")
	}
	a.on.context = cmp.Or(a.on.context, os.Getenv("PAXOS_CONTEXT"))
	return nil
}

// lookLimit is how long the API server may take to say who is deployed; programs
// that fetch credentials take their time too.
const lookLimit = 10 * time.Second

// findOnKube gives the place on Kubernetes, whose nodes are those deployed there.
func (a *app) findOnKube(ctx context.Context) (*place, error) {
	c, err := kube.Open(kube.Options{Context: a.on.context, Namespace: a.on.namespace, Agent: "paxosctl/" + service.Version()})
	if err == nil {
		looking, cancel := context.WithTimeout(ctx, lookLimit)
		defer cancel()
		err = c.Look(looking)
	}
	if err != nil {
		return nil, kubeFailure(err)
	}
	p := &place{kube: c}
	a.spokenTo = p
	for _, n := range c.Nodes() {
		if n.Role == string(paxos.ClientRole) {
			p.endpoints = append(p.endpoints, n.Address())
		}
	}
	if len(p.endpoints) == 0 {
		return nil, failed(ExitNotFound, "deploy first: "+c.Deploy(), "no client service is deployed in the namespace %s", c.Namespace)
	}
	if p.Client, err = p.to(p.endpoints); err != nil {
		return nil, err
	}
	return p, nil
}

// to makes a client of nodes at these addresses, in the way of this place.
func (p *place) to(addresses []string) (*client.Client, error) {
	if p.kube == nil {
		return client.New(addresses)
	}
	return client.New(addresses, client.WithHTTPClient(&http.Client{Transport: p.kube,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}))
}

// kubeFailure gives the error of a cluster that cannot be found its exit code.
func kubeFailure(err error) error {
	var e *kube.Error
	if !errors.As(err, &e) {
		return err
	}
	code := ExitUnavailable
	switch e.Kind {
	case kube.BadConfig, kube.NoContext, kube.Forbidden:
		code = ExitUsage
	case kube.NotDeployed:
		code = ExitNotFound
	}
	return &failure{code: code, hint: e.Hint, err: errors.New(e.Detail)}
}

// notAsked is the error of nodes that the API server did not let be asked, nil if
// their silence is their own. Strict is for who draws conclusions from silence:
// one node that was not asked is too many, even if others answer.
func (st clusterStatus) notAsked(strict bool) error {
	var general, lost *kube.Error
	asked := false
	for _, n := range st.Nodes {
		switch way := troubleOnTheWay(n.err); {
		case way == nil, way.Kind == kube.NodeDown:
			asked = true
		case way.General():
			general = way
		default:
			lost = way // of a single node it may be its own silence, but not of all
		}
	}
	switch {
	case general != nil && (strict || !asked):
		return kubeFailure(general)
	case lost != nil && !asked:
		return failed(ExitUnavailable, "no node was heard through it: does kubectl get pods answer? If it does, its proxy may not reach the nodes (NetworkPolicies)", "%s", lost.Detail)
	}
	return nil
}

// troubleOnTheWay is what stood between here and a node, nil if nothing did. A
// refusal by the API server comes as a node's would.
func troubleOnTheWay(err error) *kube.Error {
	var way *kube.Error
	var problem *client.Problem
	switch {
	case errors.As(err, &way):
	case errors.As(err, &problem) && problem.Type == kube.ProblemTypes+string(kube.Forbidden):
		way = &kube.Error{Kind: kube.Forbidden, Detail: problem.Detail, Hint: problem.Hint, Err: err}
	}
	return way
}

// ofKube are the nodes of a role that are deployed, by the addresses of their
// Services.
func (p *place) ofKube(role paxos.RoleName) (addresses []string) {
	for _, n := range p.kube.Nodes() {
		if n.Role == string(role) {
			addresses = append(addresses, n.Address())
		}
	}
	return addresses
}

// addressOf is where a member is spoken to: where gossip says, unless that was the
// address of a pod that Kubernetes has replaced and gossip has not noticed.
func (p *place) addressOf(m client.Member) string {
	if p.kube == nil {
		return m.REST
	}
	n := p.kube.Node(string(m.ID))
	host, _, err := net.SplitHostPort(m.REST)
	current := err == nil && slices.ContainsFunc(n.Pods, func(pod kube.Pod) bool { return pod.IP == host })
	if n.Role == "" || current {
		return m.REST
	}
	return n.Address()
}

// bringBack is the command line that starts nodes again at this place, or tells
// why they do not run; "" where there is none.
func (a *app) bringBack(p *place, ids []paxos.NodeID) string {
	switch {
	case p == nil || len(ids) == 0:
		return ""
	case p.local != nil:
		return a.localHint("start", ids)
	case p.kube == nil:
		return ""
	}
	var scaled, others []string
	for _, id := range ids {
		switch n := p.kube.Node(string(id)); {
		case n.Deployed && n.Replicas == 0:
			scaled = append(scaled, n.ID)
		default:
			if line := p.kube.Remedy(n); line != "" && !slices.Contains(others, line) {
				others = append(others, line)
			}
		}
	}
	if len(scaled) > 0 {
		others = slices.Insert(others, 0, p.kube.Kubectl("scale deployment "+strings.Join(scaled, " ")+" --replicas=1"))
	}
	return strings.Join(others, "; ")
}

// whomToScale is the hint when nobody answers on Kubernetes.
func (a *app) whomToScale(err error) string {
	p := a.spokenTo
	looking, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	_ = p.kube.Look(looking) // what was seen before is told if it cannot be seen now
	var down []paxos.NodeID
	for _, n := range p.kube.Nodes() {
		if n.Role == string(paxos.ClientRole) && !n.Up() {
			down = append(down, paxos.NodeID(n.ID))
		}
	}
	if line := a.bringBack(p, down); line != "" {
		return "nothing was changed; " + line
	}
	var e *kube.Error
	if errors.As(err, &e) && e.Hint != "" {
		return "nothing was changed; " + strings.TrimPrefix(e.Hint, "nothing was changed; ")
	}
	return "nothing was changed; " + p.kube.Kubectl("get pods") + " shows which nodes run"
}

// ownVerb is a command line of ours in a text, and whether it says already where
// the cluster is.
var ownVerb = regexp.MustCompile(`\bpaxosctl [a-z]+( --kube| --context)?`)

// here is a text with the command lines of ours as they are to be typed for the
// place that was spoken to.
func (a *app) here(text string) string {
	if a.spokenTo == nil || a.spokenTo.kube == nil {
		return text
	}
	return ownVerb.ReplaceAllStringFunc(text, func(line string) string {
		verb := strings.TrimPrefix(line, "paxosctl ")
		if verb == "local" || strings.Contains(verb, " ") {
			return line
		}
		words := []string{"paxosctl", verb}
		if a.on.plugin {
			words[0] = "kubectl paxos"
		}
		switch {
		case a.on.context != "":
			words = append(words, "--context", quoted(a.on.context))
		case !a.on.plugin:
			words = append(words, "--kube")
		}
		if a.on.namespace != kube.DefaultNamespace {
			words = append(words, "-n", quoted(a.on.namespace))
		}
		return strings.Join(words, " ")
	})
}

// placeFlags say where the cluster is; each takes a value or none.
var placeFlags = map[string]bool{"--kube": false, "--context": true, "--namespace": true, "-n": true, "--endpoints": true}

// verbFirst puts what says where the cluster is behind the verb, where cobra
// takes it: kubectl's users are used to say it first.
func verbFirst(args []string) []string {
	first := 0
	for first < len(args) {
		name, _, joined := strings.Cut(args[first], "=")
		value, ours := placeFlags[name]
		if !ours {
			break
		}
		first++
		if value && !joined && first < len(args) {
			first++
		}
	}
	if first == 0 || first == len(args) || strings.HasPrefix(args[first], "-") {
		return args // there is no verb behind it, and that is what will be said
	}
	rest := args[first:]
	end := slices.Index(rest, "--")
	if end < 0 {
		end = len(rest)
	}
	return slices.Concat(rest[:end], args[:first], rest[end:])
}
