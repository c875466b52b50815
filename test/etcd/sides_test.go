package etcd

import "paxos/kv"

// answer is all that a step tells, in the words of package kv. Of a failure
// only its code is compared.
type answer struct {
	Failure   string
	Revision  kv.Revision // of the store, after the step
	Succeeded bool
	Responses []kv.Response
	Lease     *kv.LeaseInfo // without Due and Renewal, which are of no clock that both know
	Leases    []kv.LeaseID
}

// query asks for the events of a span, from a revision on.
type query struct {
	from kv.Revision
	span kv.Span
}

// story is what became of a query.
type story struct {
	Failure string
	Events  []kv.Event
}

// side is one of the two stores.
type side interface {
	// do takes a step whose revisions are absolute.
	do(step) (answer, error)
	// follow gives all events since the last call, up to the revision that the
	// store is at.
	follow(revision kv.Revision) ([]kv.Event, error)
	// watch answers each query with all events up to the revision.
	watch(queries []query, revision kv.Revision) ([]story, error)
	// reopen goes on from what the store would write to its disk, if it can.
	reopen() error
}

// everything is the span of all keys.
var everything = kv.Span{Key: "\x00", End: "\x00"}

func failed(code string) answer { return answer{Failure: code} }
