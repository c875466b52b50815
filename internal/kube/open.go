package kube

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Options say which cluster is meant.
type Options struct {
	Context   string // of the kubeconfig; "": its current one
	Namespace string // "": DefaultNamespace
	Agent     string // the User-Agent of requests
}

// DefaultNamespace is where the nodes are.
const DefaultNamespace = "paxos"

// Cluster is a cluster on Kubernetes, as its API server shows it. It may be used
// by any number of goroutines.
type Cluster struct {
	Context   string // "" inside of a pod, where there is no kubeconfig
	Namespace string
	Server    string // where the API server is

	base      *url.URL
	transport http.RoundTripper

	looking chan struct{} // full while the API server is asked who is there
	mu      sync.Mutex
	looked  time.Time
	nodes   []Node
	pods    map[string]string // the pod with an address
}

// Open finds the API server and the rights. It speaks to nobody yet.
func Open(o Options) (*Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.WarnIfAllMissing = false
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, &Error{Kind: BadConfig, Detail: "the kubeconfig cannot be read: " + err.Error(), Hint: "kubectl config view reads the same files", Err: err}
	}
	name := cmp.Or(o.Context, raw.CurrentContext)
	if _, there := raw.Contexts[name]; name != "" && !there {
		return nil, noContext(name, slices.Sorted(maps.Keys(raw.Contexts)))
	}
	config, err := loader.ClientConfig()
	if err != nil {
		if name == "" {
			return nil, noContext("", slices.Sorted(maps.Keys(raw.Contexts)))
		}
		return nil, &Error{Kind: BadConfig, Detail: fmt.Sprintf("the context %q of the kubeconfig cannot be used: %v", name, err), Hint: "kubectl config view shows it", Err: err}
	}
	config.UserAgent, config.DisableCompression = o.Agent, true
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		// The error quotes the address, and a password in it.
		return nil, &Error{Kind: BadConfig, Detail: fmt.Sprintf("the address of the API server of context %q is neither host:port nor a URL", name), Hint: "kubectl config view shows it"}
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, &Error{Kind: BadConfig, Detail: fmt.Sprintf("the rights of context %q: %v", name, err), Hint: "kubectl config view shows it", Err: err}
	}
	base.Path, base.RawPath = strings.TrimRight(base.Path, "/"), ""
	return &Cluster{Context: name, Namespace: cmp.Or(o.Namespace, DefaultNamespace), Server: base.Redacted(), base: base, transport: transport, looking: make(chan struct{}, 1)}, nil
}

func noContext(name string, there []string) error {
	if len(there) == 0 {
		detail := "there is no kubeconfig with a context"
		if name != "" {
			detail = fmt.Sprintf("there is no context %q, and no other either: there is no kubeconfig", name)
		}
		return &Error{Kind: NoContext, Detail: detail, Hint: "$KUBECONFIG says where it is, else it is ~/.kube/config; scripts/deploy-paxos-k8s.sh makes a cluster, and its context"}
	}
	hint := "there are " + strings.Join(there, ", ")
	if len(there) == 1 {
		hint = "there is " + there[0]
	}
	if name == "" {
		return &Error{Kind: NoContext, Detail: "the kubeconfig has no current context", Hint: "name one with --context; " + hint}
	}
	return &Error{Kind: NoContext, Detail: fmt.Sprintf("the kubeconfig has no context %q", name), Hint: hint}
}

// Kubectl is a command line that means this cluster, for hints.
func (c *Cluster) Kubectl(words string) string {
	line := "kubectl "
	if c.Context != "" {
		line += "--context " + c.Context + " "
	}
	return line + "-n " + c.Namespace + " " + words
}

// Deploy is the command line that makes the nodes.
func (c *Cluster) Deploy() string {
	if c.Context == "" {
		return "scripts/deploy-paxos-k8s.sh"
	}
	return "scripts/deploy-paxos-k8s.sh --context " + c.Context
}

// where names the API server for people.
func (c *Cluster) where() string {
	if c.Context == "" {
		return "the API server at " + c.Server
	}
	return fmt.Sprintf("the API server of context %s at %s", c.Context, c.Server)
}

// CloseIdleConnections is what http.Client.CloseIdleConnections calls.
func (c *Cluster) CloseIdleConnections() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
