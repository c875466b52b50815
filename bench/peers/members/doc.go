// Package members runs the processes of a peer's cluster: it gives them ports
// and directories, keeps what they log, kills one of them or ends them all.
//
// It knows no peer: what is started with which settings is in bench/peers/etcd
// and its neighbours. Our own cluster is started by internal/local.
package members
