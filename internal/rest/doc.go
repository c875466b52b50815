// Package rest is how nodes are spoken to: every endpoint for people in JSON,
// the same endpoints in the binary form, and between nodes long-lived streams
// of the same messages, opened by an HTTP Upgrade on those endpoints. One
// handler takes a message whichever way it came, and the loop checks it.
//
// It decides nothing about Paxos: it hands messages to internal/node and
// carries away what the loop sends. It alone knows gin. Who is where comes
// from gossip; internal/service puts them together.
package rest
