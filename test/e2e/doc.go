// Package e2e deploys Paxos to a real Kubernetes cluster with the scripts that
// users have, breaks it with kubectl as they would, and judges what it
// acknowledged. Every drill prints its time beside its bound; it fails at five
// times the bound, so that a slow day is no failure and a hang is.
//
//	E2E=1 go test -v -timeout 30m ./test/e2e
//
// runs all drills in their order, on a kind cluster of their own, paxos-e2e,
// with a kubeconfig of their own; "-run TestOnKubernetes/leader" runs one, which
// makes the cluster and deploys if it finds none. Without E2E=1 nothing runs. All of
// it takes about twelve minutes on two cores; under go test's own limit of ten, drills
// that no longer fit are skipped, and say so.
//
//	KIND_NODE_IMAGE=…  the node image, instead of kind's default
//	PAXOS_E2E_KEEP=1   leaves the cluster there at the end
//	PAXOS_E2E_LOGS=…   where logs are collected after a failure; else in the temporary directory
//
// It has no code of its own. What needs no cluster is tested elsewhere: the
// manifests in test/manifests, the rules in test/scenes, ten processes without
// Kubernetes in test/integration.
package e2e
