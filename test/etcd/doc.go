// Package etcd drives the store's state machine (package kv) and an etcd
// server that is embedded in the test along the same life: thousands of random
// sequences of operations, one after the other, both from revision 1 on. Every
// answer, every revision and every event of the two must be the same. Where
// they are meant to differ, differences_test.go says so, and why, and shows it.
//
// It is a module of its own, so that the product does not depend on etcd, and
// has no code of its own. PAXOS_ETCD_SEED sets the seed of the life,
// PAXOS_ETCD_SEQUENCES its length.
package etcd
