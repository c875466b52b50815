package etcd

import (
	"fmt"
	"strings"

	"paxos/kv"
	"paxos/paxos"
)

// kind is what a step does.
type kind string

const (
	doTxn       kind = "txn"
	doPut       kind = "put"    // alone, the one operation of txn.Then
	doDelete    kind = "delete" // alone, likewise
	doRange     kind = "range"
	doGrant     kind = "grant"
	doRevoke    kind = "revoke"
	doKeepAlive kind = "keep-alive"
	doLease     kind = "lease"
	doLeases    kind = "leases"
	doCompact   kind = "compact"
)

// step is one operation, of the words of package kv. As it is generated, its
// revisions are relative (see at), so that a sequence means the same at
// whatever revision it begins, and after other steps of it were left out.
type step struct {
	kind     kind
	txn      kv.Txn
	read     kv.Range
	lease    kv.LeaseID
	ttl      paxos.LogTime
	revision kv.Revision
}

// anchor stands for the store's revision at the time of a step.
const anchor = 1 << 40

// at writes a revision relative to that of the store.
func at(distance int) kv.Revision { return kv.Revision(anchor + distance) }

func absolute(r, now kv.Revision) kv.Revision {
	if r < anchor/2 {
		return r
	}
	return kv.Revision(max(1, int64(now)+int64(r)-anchor))
}

// resolve gives the step with absolute revisions.
func (s step) resolve(now kv.Revision) step {
	s.revision = absolute(s.revision, now)
	s.read.Revision = absolute(s.read.Revision, now)
	s.txn = resolveTxn(s.txn, now)
	return s
}

func resolveTxn(t kv.Txn, now kv.Revision) kv.Txn {
	resolved := kv.Txn{Then: resolveOps(t.Then, now), Else: resolveOps(t.Else, now)}
	for _, c := range t.If {
		c.Number = uint64(absolute(kv.Revision(c.Number), now))
		resolved.If = append(resolved.If, c)
	}
	return resolved
}

func resolveOps(ops []kv.Op, now kv.Revision) []kv.Op {
	var resolved []kv.Op
	for _, op := range ops {
		if op.Range != nil {
			read := *op.Range
			read.Revision = absolute(read.Revision, now)
			op.Range = &read
		}
		if op.Txn != nil {
			txn := resolveTxn(*op.Txn, now)
			op.Txn = &txn
		}
		resolved = append(resolved, op)
	}
	return resolved
}

func (s step) String() string {
	switch s.kind {
	case doTxn:
		return "txn " + describeTxn(s.txn)
	case doPut, doDelete:
		return describeOp(s.txn.Then[0])
	case doRange:
		return describeOp(kv.Op{Range: &s.read})
	case doCompact:
		return "compact " + describeRevision(s.revision)
	case doGrant:
		return fmt.Sprintf("grant %d", s.lease)
	}
	return fmt.Sprintf("%s %d", s.kind, s.lease)
}

func describeTxn(t kv.Txn) string {
	var b strings.Builder
	b.WriteString("{if")
	for _, c := range t.If {
		what := []string{"version", "create", "mod", "value", "lease"}[c.Target]
		operand := describeRevision(kv.Revision(c.Number))
		if c.Target == kv.TargetValue {
			operand = fmt.Sprintf("%q", c.Value)
		}
		fmt.Fprintf(&b, " %s%s%s%s", what, describeSpan(c.Span), []string{"=", "!=", ">", "<"}[c.Relation], operand)
	}
	for _, succeeded := range []bool{true, false} {
		fmt.Fprintf(&b, " %v:", succeeded)
		for _, op := range branch(t, succeeded) {
			b.WriteString(" " + describeOp(op) + ";")
		}
	}
	return b.String() + "}"
}

func describeOp(op kv.Op) string {
	switch {
	case op.Put != nil:
		return fmt.Sprintf("put%+q", fmt.Sprintf("%+v", *op.Put))
	case op.Delete != nil:
		return fmt.Sprintf("delete%s prev=%v", describeSpan(op.Delete.Span), op.Delete.Prev)
	case op.Range != nil:
		r := op.Range
		return fmt.Sprintf("range%s at %s limit=%d keys=%v count=%v", describeSpan(r.Span), describeRevision(r.Revision), r.Limit, r.KeysOnly, r.CountOnly)
	}
	return "txn" + describeTxn(*op.Txn)
}

func describeSpan(s kv.Span) string {
	if s.End == "" {
		return fmt.Sprintf("[%q]", s.Key)
	}
	return fmt.Sprintf("[%q,%q)", s.Key, s.End)
}

func describeRevision(r kv.Revision) string {
	if r < anchor/2 {
		return fmt.Sprint(uint64(r))
	}
	return fmt.Sprintf("now%+d", int64(r)-anchor)
}
