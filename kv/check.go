package kv

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"paxos/paxos"
)

// Check is Limits.Check with the default limits.
func Check(c paxos.Command) error { return Limits{}.Check(c) }

// Check says what is wrong with a command, before it is proposed: a command
// that cannot be read must never reach the log, and one that makes no sense
// need not. What depends on the state, only Apply can tell.
func (l Limits) Check(c paxos.Command) error {
	if c.Sequence == 0 {
		return errors.New("a command's sequence begins at 1")
	}
	if !utf8.ValidString(c.Key) || len(c.Key) > paxos.MaxKeyBytes {
		return fmt.Errorf("an idempotency key is UTF-8 of at most %d bytes", paxos.MaxKeyBytes)
	}
	if p, ok := readPlain(c.Body); ok && c.Session != 0 && (l.Operations <= 0 || l.Operations > 1) {
		l = l.orDefaults()
		return errors.Join(l.writable(p.key), l.value(p.value))
	}
	o, err := decode(c.Body)
	if err != nil {
		return err
	}
	if c.Session == 0 && !maintains(o) {
		return errors.New("a command without a session; only what learners propose to maintain the state has none")
	}
	return l.orDefaults().check(o)
}

func (l Limits) orDefaults() Limits {
	if l.KeyBytes <= 0 {
		l.KeyBytes = 4 << 10
	}
	if l.ValueBytes <= 0 {
		l.ValueBytes = 1 << 20
	}
	if l.Operations <= 0 {
		l.Operations = 1024
	}
	l.ValueBytes = min(l.ValueBytes, MaxValue)
	return l
}

func (l Limits) check(o any) error {
	switch o := o.(type) {
	case appendValue:
		return l.value(string(o))
	case burnKey:
		if len(o) == 0 || len(o) > paxos.MaxKeyBytes {
			return fmt.Errorf("an idempotency key is UTF-8 of 1 to %d bytes", paxos.MaxKeyBytes)
		}
	case burn:
		if o.Sequence == 0 {
			return errors.New("a command's sequence begins at 1")
		}
	case Txn:
		left := l.Operations
		return l.txn(&o, &left)
	case Grant:
		return ttl(o.TTL)
	case Acquire:
		if o.TTL != 0 || o.Lease == 0 { // 0: it counts on its lease
			if err := ttl(o.TTL); err != nil {
				return err
			}
		}
		return errors.Join(queueName(o.Name), l.value(o.Value))
	case Release:
		return queueName(o.Name)
	case Proclaim:
		return errors.Join(queueName(o.Name), l.value(o.Value))
	}
	return nil
}

func ttl(t paxos.LogTime) error {
	if t < MinTTL || t > MaxTTL {
		return fmt.Errorf("a lease's time to live is from %d to %d ms, not %d", MinTTL, MaxTTL, t)
	}
	return nil
}

// maxName bounds the name of a lock or an election, in bytes.
const maxName = 512

func plainName(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) && !strings.Contains(name, "/")
}

func queueName(name string) error {
	if !plainName(name) {
		return fmt.Errorf("a lock's or election's name is UTF-8 of 1 to %d bytes without \"/\"", maxName)
	}
	return nil
}

func (l Limits) key(key string) error {
	if key == "" || !utf8.ValidString(key) {
		return errors.New("a key is UTF-8 of at least one byte")
	}
	if len(key) > l.KeyBytes {
		return fmt.Errorf("a key of %d bytes, at most %d are allowed", len(key), l.KeyBytes)
	}
	return nil
}

// reserved are the prefixes of keys that only the store itself writes: the log of
// values, and the queues of locks and elections. Anybody may read, watch and
// delete them.
var reserved = []string{valuePrefix, lockPrefix, electionPrefix}

// writable is a key that a user may write.
func (l Limits) writable(key string) error {
	for _, prefix := range reserved {
		if strings.HasPrefix(key, prefix) {
			return fmt.Errorf("keys that begin with %q are written by the store alone", prefix)
		}
	}
	return l.key(key)
}

func (l Limits) value(value string) error {
	if len(value) > l.ValueBytes {
		return fmt.Errorf("a value of %d bytes, at most %d are allowed", len(value), l.ValueBytes)
	}
	return nil
}

func (l Limits) span(s Span) error {
	if len(s.End) > l.KeyBytes {
		return fmt.Errorf("the end of a span of %d bytes, at most %d are allowed", len(s.End), l.KeyBytes)
	}
	return l.key(s.Key)
}

// txn takes the transaction's operations, conditions and fences out of what is
// left of those that are allowed.
func (l Limits) txn(t *Txn, left *int) error {
	if *left -= len(t.Fences) + len(t.If) + len(t.Then) + len(t.Else); *left < 0 {
		return fmt.Errorf("a transaction of more than %d operations and conditions", l.Operations)
	}
	for _, f := range t.Fences {
		if err := queueName(f.Lock); err != nil {
			return err
		}
	}
	for i := range t.If {
		if err := errors.Join(l.span(t.If[i].Span), l.value(t.If[i].Value)); err != nil {
			return err
		}
	}
	for _, ops := range [][]Op{t.Then, t.Else} {
		for i := range ops {
			if err := l.op(&ops[i], left); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l Limits) op(o *Op, left *int) error {
	switch {
	case o.Put != nil:
		if o.Put.KeepValue && o.Put.Value != "" || o.Put.KeepLease && o.Put.Lease != 0 {
			return errors.New("a put that keeps its value or lease is given another one")
		}
		return errors.Join(l.writable(o.Put.Key), l.value(o.Put.Value))
	case o.Delete != nil:
		return l.span(o.Delete.Span)
	case o.Range != nil:
		return l.span(o.Range.Span)
	case o.Increment != nil:
		return l.writable(o.Increment.Key)
	case o.Append != nil:
		if fault := itemFault(o.Append.Item); fault != "" {
			return errors.New(fault)
		}
		if most := l.ListBytes; most > 0 && (o.Append.Limit <= 0 || o.Append.Limit > most) {
			return fmt.Errorf("an append that allows its list %d bytes, at most %d are allowed, and 0 is not", o.Append.Limit, most)
		}
		return errors.Join(l.writable(o.Append.Key), l.value(o.Append.Item))
	}
	return l.txn(o.Txn, left)
}

// Frees reports whether a command only frees room, so that it is taken when
// the disks are almost full; false if it cannot be read.
func Frees(body []byte) bool {
	o, err := decode(body)
	if err != nil {
		return false
	}
	switch o := o.(type) {
	case appendValue, Grant, Acquire, Proclaim:
		return false
	case Txn:
		return o.frees()
	}
	return true
}

func (t *Txn) frees() bool {
	for _, ops := range [][]Op{t.Then, t.Else} {
		for i := range ops {
			o := &ops[i]
			if o.Delete == nil && o.Range == nil && (o.Txn == nil || !o.Txn.frees()) {
				return false
			}
		}
	}
	return true
}
