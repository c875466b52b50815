// Package manifests reads what k8s/ says and judges it, without a cluster:
// every overlay is rendered as kubectl renders it and decoded, strictly, into
// the API's own types; pods are held against the restricted profile, the
// configuration against internal/config, and the NetworkPolicies, connection by
// connection, against a table of who may speak to whom, which itself is held
// against what a real local cluster does. The alert rules are asked by
// Prometheus' own engine of networks in every trouble that they are for.
//
// It is a module of its own, so that the product does not depend on what reads
// manifests and rules, and has no code of its own. Whether a real API server
// accepts all of it, and what a real cluster does with it, is test/e2e's to show.
package manifests
