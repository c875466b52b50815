// Package local runs a whole cluster on this machine: one process per node,
// its ports on 127.0.0.1, its files in one directory. It starts, stops, kills
// and pauses the processes, initialises a cluster whose disks are all empty,
// and waits until it is of use.
//
// It knows nothing of Paxos beyond ids, roles and the addresses at which nodes
// answer: the processes are the services of internal/service, and whoever
// wants to send a value uses package client. The commands around it are in
// internal/ctl.
//
// A directory holds
//
//	data/ID      what an acceptor remembers, or a learner's snapshots
//	log/ID.log   what a node wrote to its standard error, over all its starts
//	run/ID.pid   the process that runs the node, and when it started
//	bin/         the program that the processes run
//	local.json   the ports and numbers of nodes, for the next command
//	addresses    where the nodes answer, NAME=HOST:PORT a line, for scripts
//	LOCK         held while processes are being started
package local
