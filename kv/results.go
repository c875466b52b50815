package kv

import (
	"fmt"

	"paxos/paxos"
)

const resultVersion = 1

// What a result has, in its second byte.
const (
	hasFailure = 1 << iota
	hasSucceeded
	hasLease
	hasPlace
)

// EncodeResult is the binary form of a result: equal results, equal bytes.
func EncodeResult(r Result) []byte { return appendResult(nil, r) }

func appendResult(b []byte, r Result) []byte {
	flags := byte(0)
	mark := func(bit byte, on bool) {
		if on {
			flags |= bit
		}
	}
	mark(hasFailure, r.Failure != nil)
	mark(hasSucceeded, r.Succeeded)
	mark(hasLease, r.Lease != nil)
	mark(hasPlace, r.Place != nil)
	b = putUint(append(b, resultVersion, flags), r.Revision)
	if r.Failure != nil {
		b = putText(putText(b, r.Failure.Code), r.Failure.Detail)
	}
	if l := r.Lease; l != nil {
		b = putUint(putUint(putUint(putID(b, l.ID), l.TTL), l.Due), l.Renewal)
		b = putList(b, l.Keys, putText[string])
	}
	if p := r.Place; p != nil {
		b = putID(putUint(putText(putText(b, p.Name), p.Key), p.Token), p.Lease)
		b = putInt(putText(b, p.Value), p.Ahead)
	}
	return putList(b, r.Responses, putResponse)
}

// HasFailure reports whether the binary form of a result has a failure.
func HasFailure(b []byte) bool { return len(b) > 1 && b[1]&hasFailure != 0 }

// DecodeResult is the inverse of EncodeResult; it takes all of b. Its error
// wraps ErrFormat.
func DecodeResult(b []byte) (Result, error) {
	r := &reader{b: b}
	if v := r.enum(255, "version"); r.err == nil && v != resultVersion {
		return Result{}, fmt.Errorf("%w: a result of version %d", ErrFormat, v)
	}
	flags := r.enum(hasFailure|hasSucceeded|hasLease|hasPlace, "flags")
	res := Result{Revision: Revision(r.uvarint("revision")), Succeeded: flags&hasSucceeded != 0}
	if flags&hasFailure != 0 {
		res.Failure = &Failure{r.text("code"), r.text("detail")}
	}
	if flags&hasLease != 0 {
		res.Lease = &LeaseInfo{ID: LeaseID(r.uint64("lease"))}
		res.Lease.TTL, res.Lease.Due = paxos.LogTime(r.uvarint("time to live")), paxos.LogTime(r.uvarint("due time"))
		res.Lease.Renewal = r.uvarint("renewal")
		res.Lease.Keys = readList(r, 1, "keys", func(r *reader) string { return r.text("key") })
	}
	if flags&hasPlace != 0 {
		res.Place = &Place{r.text("name"), r.text("key"), Revision(r.uvarint("token")), LeaseID(r.uint64("lease")), r.text("value"), r.int("ahead")}
	}
	res.Responses = readResponses(r, 1)
	if err := r.done(); err != nil {
		return Result{}, err
	}
	return res, nil
}

func putResponse(b []byte, r Response) []byte {
	b = putList(b, r.KVs, putKeyValue)
	b = putBool(putInt(b, r.Count), r.More)
	b = putBool(b, r.Txn != nil)
	if r.Txn != nil {
		b = putList(putBool(b, r.Txn.Succeeded), r.Txn.Responses, putResponse)
	}
	return b
}

func readResponses(r *reader, depth int) []Response {
	if depth > MaxDepth {
		r.fail("responses are nested too deep")
		return nil
	}
	return readList(r, 4, "responses", func(r *reader) Response {
		res := Response{KVs: readList(r, 13, "keys", readKeyValue), Count: r.int("count"), More: r.bool("more")}
		if r.bool("transaction") {
			res.Txn = &TxnResponse{Succeeded: r.bool("succeeded")}
			res.Txn.Responses = readResponses(r, depth+1)
		}
		return res
	})
}

func putKeyValue(b []byte, kv KeyValue) []byte {
	b = putText(putText(b, kv.Key), kv.Value)
	return putID(putUint(putUint(putUint(b, kv.Create), kv.Mod), kv.Version), kv.Lease)
}

func readKeyValue(r *reader) KeyValue {
	return KeyValue{r.text("key"), r.text("value"), Revision(r.uvarint("create revision")), Revision(r.uvarint("mod revision")),
		r.uvarint("version"), LeaseID(r.uint64("lease"))}
}
