package kv

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"paxos/paxos"
)

// snapshotVersion is the version of the snapshot's form.
const snapshotVersion = 1

// Snapshot gives the whole state in a binary form, with a SHA-256 at the end.
// Equal states give equal bytes: maps are written in the order of their keys.
func (m *Machine) Snapshot() []byte {
	b := []byte{'k', 'v', snapshotVersion}
	b = binary.AppendUvarint(b, uint64(m.next))
	b = binary.AppendUvarint(b, uint64(m.time))
	b = binary.AppendUvarint(b, uint64(len(m.values)))
	for _, v := range m.values {
		b = binary.AppendUvarint(b, uint64(v.Slot))
		b = binary.AppendUvarint(b, uint64(v.Position))
		b = appendText(b, v.Value)
	}
	b = m.table.append(b)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func (t *table) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(t.horizon))
	b = binary.AppendUvarint(b, uint64(t.swept))
	b = binary.AppendUvarint(b, uint64(len(t.sessions)))
	for _, id := range slices.Sorted(maps.Keys(t.sessions)) {
		s := t.sessions[id]
		b = binary.BigEndian.AppendUint64(b, uint64(id))
		b = binary.AppendUvarint(b, uint64(s.confirmed))
		b = binary.AppendUvarint(b, uint64(s.used))
		b = binary.AppendUvarint(b, uint64(s.slot))
		b = binary.AppendUvarint(b, uint64(len(s.outcomes)))
		for _, sequence := range slices.Sorted(maps.Keys(s.outcomes)) {
			b = binary.AppendUvarint(b, uint64(sequence))
			b = appendText(b, paxos.AppendOutcome(nil, s.outcomes[sequence]))
		}
	}
	b = binary.AppendUvarint(b, uint64(len(t.keys)))
	for _, key := range slices.Sorted(maps.Keys(t.keys)) {
		k := t.keys[key]
		b = appendText(b, key)
		b = appendText(b, k.body)
		b = binary.AppendUvarint(b, uint64(k.used))
		b = binary.AppendUvarint(b, uint64(k.slot))
		b = appendText(b, paxos.AppendOutcome(nil, k.outcome))
	}
	return b
}

func appendText[T ~[]byte | ~string](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}
