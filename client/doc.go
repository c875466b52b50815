// Package client is the Go client of a cluster, and the words in which client
// services answer over REST: what a send gives, what a read gives, and what an
// error means.
//
// New makes a Client. The values of the log are sent with Send and read with
// Read; the key-value store on top of it has Get, Put, Txn, Watch, Lock and the
// others. Reads are linearizable unless they say otherwise (Consistency).
//
// Errors tell what is certain: ErrUnavailable that nothing was applied,
// ErrUnknown that it may have been. Writes of the store are repeated by
// themselves, and take effect once; KeyOf(err) is what to ask with afterwards.
//
// It speaks HTTP to client services, and from its second write on a stream of
// commands (wire), and leaves the protocol to them; the rules by which a client
// service asks proposers are one folder down, in session.
package client
