// Program member is one of three processes around the Raft library dragonboat:
// a key-value store in memory behind net/http, as a user of that library would
// write it first. It is the peer with the least between Raft and the user.
//
// It is no store to be used: it has no ranges, no watches, no sessions. The
// cluster that starts it is bench/peers/dragonboat.
package main
