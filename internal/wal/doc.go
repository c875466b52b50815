// Package wal is the durable memory of an acceptor: the journal of what it has
// promised and accepted, the identity of its disk, and the lock that keeps a
// second process away from both. What Sync has returned nil for survives a
// crash of the process, of the machine and of its power.
//
// It is not the protocol, and knows none of its messages: a record is a kind
// and some bytes, whose meaning belongs to the packages acceptor (the rules)
// and paxos (the binary form). It is not a store of snapshots either: that is
// internal/snapshot. The loop that syncs before it sends is internal/node; the
// disk of the simulator is the neighbour internal/wal/memfs.
//
// # Format
//
// A journal is a directory of segments, numbered from 1. A segment is born
// with its full size, all zeros behind a header sector that says which cluster
// and which store it belongs to, its number and its size; it is never recycled.
// One Sync writes one batch. A batch begins on a sector of 512 bytes and every
// one of its sectors begins with a tag that is made of the batch's number and
// is never zero; the other 504 bytes carry, one after the other, the header of
// the batch, its records, and zeros.
//
//	segment = header sector, batch…, zero sector…
//	batch   = number, oldest, newest, length, sum, previous, CRC | record… | zeros
//	record  = length, kind, payload, CRC
//
// All numbers are little-endian, all checksums CRC32C. The checksum of a record
// runs over length, kind and payload of all records of its batch so far; the
// last of them is the sum in the batch's header, whose own checksum ties it to
// the batch's number, to the store, and to the batch before (previous). So a
// batch cannot be taken for another, nor follow another than its own
// predecessor. Oldest and newest are the segments that existed when the batch
// was written: no file can go missing unnoticed.
//
// # Recovery
//
// Power can fail in the middle of a Sync, and then any subset of the batch's
// sectors is on the disk: one is missing, that is, still zero. Such a batch is
// torn. It was never acknowledged, can only be the last, and is removed. All
// else that is not exactly as it was written is damage, the last batch
// included, and makes Open fail with a *DamageError: an acceptor that forgot
// something must not vote. The one assumption is that a sector is written
// wholly or not at all; a disk that breaks it makes damage, not a wrong vote.
package wal
