package kv

// claims are the keys that a branch would write.
type claims struct {
	puts []string
	put  map[string]bool // the same
	dels []Span
}

// clash refuses a transaction one of whose branches puts a key twice, or puts
// a key and deletes a span that has it, in whatever order. (etcd lets nested
// transactions delete what others next to them put; but then a key has two
// changes in one revision.) Two deletions of a key are one.
func clash(t *Txn) *Failure {
	if len(t.Then) <= 1 && len(t.Else) <= 1 && !nests(t.Then) && !nests(t.Else) {
		return nil
	}
	for _, ops := range [][]Op{t.Then, t.Else} {
		if _, fail := claimed(ops); fail != nil {
			return fail
		}
	}
	return nil
}

func nests(ops []Op) bool { return len(ops) > 0 && ops[0].Txn != nil }

func claimed(ops []Op) (claims, *Failure) {
	all := claims{put: map[string]bool{}}
	for i := range ops {
		var own claims
		switch o := &ops[i]; {
		case o.Put != nil:
			own.puts = []string{o.Put.Key}
		case o.Increment != nil:
			own.puts = []string{o.Increment.Key}
		case o.Append != nil:
			own.puts = []string{o.Append.Key}
		case o.Delete != nil:
			own.dels = []Span{o.Delete.Span}
		case o.Txn != nil:
			var fail *Failure
			if own, fail = nestedClaims(o.Txn); fail != nil {
				return claims{}, fail
			}
		}
		if fail := all.add(own); fail != nil {
			return claims{}, fail
		}
	}
	return all, nil
}

// nestedClaims are those of either branch, only one of which is taken.
func nestedClaims(t *Txn) (claims, *Failure) {
	then, fail := claimed(t.Then)
	if fail != nil {
		return claims{}, fail
	}
	other, fail := claimed(t.Else)
	if fail != nil {
		return claims{}, fail
	}
	for _, key := range other.puts {
		if !then.put[key] {
			then.puts = append(then.puts, key)
		}
	}
	then.dels = append(then.dels, other.dels...)
	return then, nil
}

func (all *claims) add(own claims) *Failure {
	for _, key := range own.puts {
		if all.put[key] {
			return failure(FailDuplicateKey, "one transaction would put %q twice", key)
		}
		for _, d := range all.dels {
			if d.has(key) {
				return putAndDeleted(key)
			}
		}
	}
	for _, d := range own.dels {
		for _, key := range all.puts {
			if d.has(key) {
				return putAndDeleted(key)
			}
		}
	}
	for _, key := range own.puts {
		all.put[key] = true
	}
	all.puts = append(all.puts, own.puts...)
	all.dels = append(all.dels, own.dels...)
	return nil
}

func putAndDeleted(key string) *Failure {
	return failure(FailDuplicateKey, "one transaction would put and delete %q", key)
}
