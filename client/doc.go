// Package client is the Go client of a cluster, and the words in which client
// services answer over REST: what a send gives, what a read gives, and what an
// error means.
//
// It speaks HTTP to client services and leaves the protocol to them; the rules
// by which a client service asks proposers are one folder down, in session.
package client
