package paxos

import "fmt"

// AppendRecord appends the binary form of a record's content to b; the kind is
// kept beside it, by the journal.
func AppendRecord(b []byte, r Record) []byte { return r.append(b) }

// DecodeRecord is the inverse of AppendRecord. A kind it does not know is an
// error that must stop the node: what it cannot read may be a promise.
func DecodeRecord(kind RecordKind, b []byte) (Record, error) {
	r := &reader{b: b}
	var rec Record
	switch kind {
	case PromisedKind:
		rec = PromisedRecord{readBallot(r)}
	case AcceptedKind:
		rec = AcceptedRecord{readBallot(r), readSlot(r), readList(r, 3, "proposals", readProposal)}
	case FloorKind:
		rec = FloorRecord{readSlot(r), LogTime(r.uvarint("log time")), readBallot(r), Number(r.uvarint("position"))}
	case floorWithoutPosition:
		return nil, fmt.Errorf("%w: record of kind %d: written by an older version, which did not count its records; only that version reads it", ErrFormat, kind)
	case IdentityKind:
		rec = IdentityRecord{readIdentity(r)}
	default:
		return nil, fmt.Errorf("%w: unknown kind of record %d: written by a newer version?", ErrFormat, kind)
	}
	if err := r.done(); err != nil {
		return nil, fmt.Errorf("record of kind %d: %w", kind, err)
	}
	return rec, nil
}

func (p PromisedRecord) append(b []byte) []byte { return p.Ballot.append(b) }

func (a AcceptedRecord) append(b []byte) []byte {
	return Accept(a).append(b)
}

func (f FloorRecord) append(b []byte) []byte {
	return putUint(f.Promise.append(putUint(putSlot(b, f.Floor), uint64(f.Time))), uint64(f.Position))
}

func (i IdentityRecord) append(b []byte) []byte {
	id := i.Identity
	b = append(append(b, byte(id.Standing)), id.Cluster[:]...)
	b = putID(putBytes(b, id.Node), id.Store)
	return putList(id.Config.append(b), id.Stores, putStore)
}

func readIdentity(r *reader) Identity {
	id := Identity{Standing: Standing(r.enum(int(Mute), "standing"))}
	r.fixed(id.Cluster[:], "cluster id")
	id.Node = r.node("node id")
	id.Store = StoreID(r.uint64("store id"))
	id.Config = readConfiguration(r)
	id.Stores = readList(r, 9, "stores", readStore)
	return id
}
