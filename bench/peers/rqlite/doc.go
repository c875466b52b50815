// Package rqlite is rqlite as a peer: three processes of its real server, built
// from its module with a C compiler, and one table of keys and values, over HTTP.
//
// The other peers are beside it, what runs their processes is in
// bench/peers/members.
package rqlite
