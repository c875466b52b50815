// Package snapshot keeps a learner's snapshots: it makes the state of the state
// machine durable, finds the newest whole one again after a crash, hands parts
// of it to other learners, and takes parts from them. What it has reported as
// saved survives a crash of the process, of the machine and of its power.
//
// It is not the state, and reads none of it: what a state writes and how it is
// read back belongs to whoever made it (kv). It decides neither when a snapshot
// is due nor from whom one is fetched: that is learner. It is reached through
// messages that stay in the node (paxos/local.go), by way of internal/node;
// files it knows only as internal/wal shows them. The journal of an acceptor is
// internal/wal too.
//
// # Form
//
// A snapshot of slot S holds the effects of every slot up to and including S.
//
//	file   = header, chunk…, end
//	header = magic, version, cluster, configuration stamp, slot, CRC   (64 bytes)
//	chunk  = length, CRC, payload                    (payload: 1 to 2^20 bytes)
//	end    = 2^32-1, CRC, bytes before the end, SHA-256 of them        (48 bytes)
//
// All numbers are little-endian, all checksums CRC32C. A chunk's runs over its
// index (8 bytes, from 0), its length and its payload, so that no chunk can
// stand for another. All chunks but the last are full. Nothing in a file tells
// which learner wrote it: learners at the same slot write the same bytes, and a
// transfer that one of them began can be ended by another. The digest of a
// snapshot is the SHA-256 that its end bears; it is over the content, header
// included, and thereby names cluster, configuration, slot and state.
//
// # Files
//
//	SLOT.snapshot                   whole, synced, and read back since
//	SLOT.snapshot.tmp               being written; removed at the next start
//	SLOT.snapshot.damaged           found to be other than it was written
//	SLOT-SIZE-DIGEST.incoming       from another learner, not whole yet; it outlives a restart
//
// The last two whole ones are kept.
package snapshot
