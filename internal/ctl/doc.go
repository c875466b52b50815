// Package ctl is paxosctl: the commands with which people and scripts run a
// local cluster and speak to any cluster. A file per verb; root.go holds what
// they share, exit.go the exit codes, print.go what goes to stdout.
//
// It decides nothing: local clusters are internal/local's, REST is package
// client's, and a node is internal/service's.
package ctl
