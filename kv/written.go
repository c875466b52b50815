package kv

// WrittenKey reads the result of a transaction that put one key and then read it
// without its value, which is what most clients wait for; ok is false of every
// other result. It gives what DecodeResult does, and allocates nothing: the
// key's name is not given back, because its writer knows it.
func WrittenKey(b []byte, key string) (revision Revision, written KeyValue, ok bool) {
	if len(b) < 2 || b[0] != resultVersion || b[1] != hasSucceeded {
		return 0, KeyValue{}, false
	}
	r := reader{b: b[2:]}
	revision = Revision(r.uvarint("revision"))
	if r.uvarint("responses") != 2 || !r.noKeys() || r.uvarint("keys") != 1 || string(r.part("key")) != key || len(r.part("value")) != 0 {
		return 0, KeyValue{}, false
	}
	written = KeyValue{Key: key, Create: Revision(r.uvarint("create revision")), Mod: Revision(r.uvarint("mod revision")),
		Version: r.uvarint("version"), Lease: LeaseID(r.uint64("lease"))}
	one, more, txn := r.int("count"), r.bool("more"), r.bool("transaction")
	if r.done() != nil || one != 1 || more || txn {
		return 0, KeyValue{}, false
	}
	return revision, written, true
}

// noKeys reads a response that says nothing, as a put's is.
func (r *reader) noKeys() bool {
	return r.uvarint("keys") == 0 && r.int("count") == 0 && !r.bool("more") && !r.bool("transaction") && r.err == nil
}
