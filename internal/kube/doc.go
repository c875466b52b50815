// Package kube is the way to a cluster on Kubernetes for whoever stands outside
// of it: through the proxy of the API server, with the rights of a kubeconfig.
// Requests to a node's Service or to a pod's address are rewritten, so that who
// sends them need not know (Cluster.RoundTrip); and it tells which nodes are
// deployed and what became of their pods (Cluster.Nodes).
//
// It changes nothing on Kubernetes, and knows neither the protocol nor what is
// asked of the nodes. It reads a few fields of pods and Deployments into structs
// of its own: the typed clients would double the size of paxosctl. Its
// neighbours: internal/local is the same for a cluster on this machine, package
// client speaks REST through this, internal/ctl shows what it tells.
package kube
