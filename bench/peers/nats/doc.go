// Package nats is NATS JetStream's key-value store as a peer: three processes of
// its real server, built from its module, with a bucket of three replicas that is
// synced before every answer, reached with NATS's own client.
//
// The other peers are beside it, what runs their processes is in
// bench/peers/members.
package nats
