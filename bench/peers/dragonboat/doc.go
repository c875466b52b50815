// Package dragonboat is the Raft library dragonboat as a peer: three processes of
// a minimal key-value store over HTTP, bench/peers/dragonboat/member.
//
// The other peers are beside it, what runs their processes is in
// bench/peers/members.
package dragonboat
