package kube

// Kind is what an Error means.
type Kind string

// The kinds.
const (
	BadConfig   Kind = "kubeconfig"    // the kubeconfig cannot be used
	NoContext   Kind = "no-context"    // it has no such context
	Unreachable Kind = "no-api-server" // nothing was asked of the API server
	Lost        Kind = "lost"          // it was asked, and what became of that is not known
	Forbidden   Kind = "forbidden"     // it does not let this user do that
	NotDeployed Kind = "not-deployed"  // there are no nodes in the namespace
	NodeDown    Kind = "node-down"     // the node was not reached
)

// ProblemTypes is how the types of problems begin that are this package's own; the
// Kind follows.
const ProblemTypes = "urn:paxosctl:"

// Error is why a cluster or a node could not be asked. Only with Lost may what
// was sent have reached the node.
type Error struct {
	Kind   Kind
	Detail string // a sentence
	Hint   string // what to do, "" if there is nothing to say
	Err    error  // the cause, nil if there is no other
}

// Error implements error.
func (e *Error) Error() string { return e.Detail }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// General reports whether it is no single node's trouble.
func (e *Error) General() bool { return e.Kind != NodeDown && e.Kind != Lost }
