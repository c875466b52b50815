package etcd

import (
	"bytes"
	"fmt"

	"paxos/kv"
	"paxos/paxos"
)

// machine is ours. Each command has a slot of its own.
type machine struct {
	m        *kv.Machine
	slot     paxos.Slot
	sequence paxos.Sequence
	next     kv.Revision // the first one whose events follow has not given
}

func newMachine() (*machine, error) {
	m := &machine{m: kv.New(), next: 1}
	_, err := m.apply(kv.Open{})
	return m, err
}

// apply does what the log does: it checks the command, encodes it, and takes
// its result out of the outcome.
func (m *machine) apply(command any) (kv.Result, error) {
	m.slot++
	m.sequence++
	c := paxos.Command{Session: 1, Sequence: m.sequence, Confirmed: m.sequence, Admitted: m.slot, Client: "client", Body: kv.Encode(command)}
	if err := kv.Check(c); err != nil {
		return kv.Result{}, fmt.Errorf("it is not admitted: %w", err)
	}
	entry := paxos.Entry{Slot: m.slot, Value: paxos.Value{Time: paxos.LogTime(m.slot), Commands: []paxos.Command{c}}}
	outcomes, err := m.m.Apply(entry)
	if err != nil {
		return kv.Result{}, err
	}
	if len(outcomes) != 1 || outcomes[0].Verdict != paxos.Applied {
		return kv.Result{}, fmt.Errorf("it was not applied: %+v", outcomes)
	}
	return kv.DecodeResult(outcomes[0].Result)
}

func (m *machine) do(s step) (answer, error) {
	switch s.kind {
	case doRange:
		r, fail := m.m.View().Range(s.read)
		if fail != nil {
			return failed(fail.Code), nil
		}
		return answer{Revision: r.Revision, Responses: []kv.Response{{KVs: r.KVs, Count: r.Count, More: r.More}}}, nil
	case doLease:
		return m.leaseInfo(s.lease), nil
	case doLeases:
		v := m.m.View()
		return answer{Revision: v.Revision(), Leases: v.Leases()}, nil
	}
	commands := map[kind]any{doTxn: s.txn, doPut: s.txn, doDelete: s.txn, doGrant: kv.Grant{ID: s.lease, TTL: s.ttl}, doRevoke: kv.Revoke{ID: s.lease},
		doKeepAlive: kv.KeepAlive{ID: s.lease}, doCompact: kv.Compact{Revision: s.revision}}
	before := m.m.Revision()
	r, err := m.apply(commands[s.kind])
	if err != nil {
		return answer{}, fmt.Errorf("ours: %w", err)
	}
	if r.Failure != nil {
		if now := m.m.Revision(); now != before || r.Revision != before {
			return answer{}, fmt.Errorf("ours: it failed, and the revision went from %d to %d", before, now)
		}
		return failed(r.Failure.Code), nil
	}
	if s.kind == doKeepAlive {
		return m.leaseInfo(s.lease), nil
	}
	a := answer{Revision: r.Revision, Responses: r.Responses, Lease: r.Lease}
	if _, txn := commands[s.kind].(kv.Txn); txn {
		a.Succeeded = r.Succeeded // of the others it says that there is no failure
	}
	if a.Lease != nil {
		a.Lease.Due, a.Lease.Renewal = 0, 0
	}
	return a, nil
}

func (m *machine) leaseInfo(id kv.LeaseID) answer {
	v := m.m.View()
	l, ok := v.Lease(id)
	if !ok {
		return failed(kv.FailNoLease)
	}
	l.Due, l.Renewal = 0, 0
	return answer{Revision: v.Revision(), Lease: &l}
}

func (m *machine) follow(revision kv.Revision) ([]kv.Event, error) {
	told, next := m.events(query{m.next, everything})
	if told.Failure != "" || next != revision+1 {
		return nil, fmt.Errorf("events from %d: %q, up to %d and not %d", m.next, told.Failure, next, revision)
	}
	m.next = next
	return told.Events, nil
}

func (m *machine) watch(queries []query, _ kv.Revision) ([]story, error) {
	var stories []story
	for _, q := range queries {
		told, _ := m.events(q)
		stories = append(stories, told)
	}
	return stories, nil
}

// events reads in small pages, as a watch over HTTP does.
func (m *machine) events(q query) (told story, next kv.Revision) {
	v := m.m.View()
	for next = q.from; next <= v.Revision(); {
		events, after, fail := v.Events(next, q.span, 7, 0, true)
		if fail != nil {
			return story{Failure: fail.Code}, next
		}
		told.Events = append(told.Events, events...)
		next = after
	}
	return told, next
}

// reopen goes on from a snapshot.
func (m *machine) reopen() error {
	var b bytes.Buffer
	if _, err := m.m.View().WriteTo(&b); err != nil {
		return err
	}
	v, err := kv.Read(&b)
	if err != nil {
		return err
	}
	m.m = kv.New()
	return m.m.Restore(v)
}
