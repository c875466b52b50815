package kube

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Node is a node as Kubernetes sees it.
type Node struct {
	ID       string // of the node, its Deployment and its Service
	Role     string
	Deployed bool // it has a Deployment
	Replicas int  // that are asked for
	Why      string
	Pods     []Pod // those that are there, the newest last
}

// Pod is a pod of a node.
type Pod struct {
	Name, IP, Phase string
	Ready           bool
	Restarts        int
	Why             string // why it does not run or is not ready, "" if it is
	created         string
}

// ports are those of the roles, the same in pods and Services.
var ports = map[string]int{"proposer": 3000, "acceptor": 4000, "learner": 5000, "client": 6000}

// Address is that of the node's Service, which stays the same.
func (n Node) Address() string { return fmt.Sprintf("%s:%d", n.ID, ports[n.Role]) }

// Up reports whether a pod of it is there and ready.
func (n Node) Up() bool { return slices.ContainsFunc(n.Pods, func(p Pod) bool { return p.Ready }) }

// State says in a few words what Kubernetes makes of the node.
func (n Node) State() string {
	if len(n.Pods) == 0 {
		switch {
		case !n.Deployed:
			return "it has no Deployment"
		case n.Replicas == 0:
			return "scaled to zero"
		}
		return strings.TrimSuffix("no pod yet: "+n.Why, ": ")
	}
	p := n.Pods[len(n.Pods)-1]
	state := p.Phase
	switch {
	case p.Why != "":
		state += ": " + p.Why
	case !p.Ready && p.Phase == "Running":
		state += ", not ready"
	}
	if n.Deployed && n.Replicas == 0 {
		state += "; scaled to zero"
	}
	if p.Restarts == 1 {
		state += "; 1 restart"
	} else if p.Restarts > 1 {
		state += fmt.Sprintf("; %d restarts", p.Restarts)
	}
	return state
}

// What is read of the API's objects.
type (
	metadata struct {
		Name              string            `json:"name"`
		Labels            map[string]string `json:"labels"`
		CreationTimestamp string            `json:"creationTimestamp"`
		DeletionTimestamp string            `json:"deletionTimestamp"`
	}
	condition struct {
		Type    string `json:"type"`
		Status  string `json:"status"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}
	deploymentList struct {
		Items []deployment `json:"items"`
	}
	deployment struct {
		Metadata metadata `json:"metadata"`
		Spec     struct {
			Replicas *int `json:"replicas"`
			Template struct {
				Metadata metadata `json:"metadata"`
			} `json:"template"`
		} `json:"spec"`
		Status struct {
			Conditions []condition `json:"conditions"`
		} `json:"status"`
	}
	podList struct {
		Items []pod `json:"items"`
	}
	pod struct {
		Metadata metadata `json:"metadata"`
		Status   struct {
			Phase      string      `json:"phase"`
			Reason     string      `json:"reason"`
			Message    string      `json:"message"`
			PodIP      string      `json:"podIP"`
			Conditions []condition `json:"conditions"`
			Containers []container `json:"containerStatuses"`
		} `json:"status"`
	}
	container struct {
		Name         string `json:"name"`
		RestartCount int    `json:"restartCount"`
		State        states `json:"state"`
		LastState    states `json:"lastState"`
	}
	states struct {
		Waiting    *reason `json:"waiting"`
		Terminated *reason `json:"terminated"`
	}
	reason struct {
		Reason   string `json:"reason"`
		Message  string `json:"message"`
		ExitCode int    `json:"exitCode"`
	}
)

// nodesOf puts Deployments and pods together, in the order of their names.
func nodesOf(deployments []deployment, pods []pod) []Node {
	found := map[string]*Node{}
	node := func(id, role string) *Node {
		if found[id] == nil {
			found[id] = &Node{ID: id, Role: role}
		}
		return found[id]
	}
	for _, d := range deployments {
		role := cmp.Or(d.Spec.Template.Metadata.Labels["role"], d.Metadata.Labels["role"])
		if ports[role] == 0 {
			continue
		}
		n := node(d.Metadata.Name, role)
		n.Deployed, n.Replicas = true, 1
		if d.Spec.Replicas != nil {
			n.Replicas = *d.Spec.Replicas
		}
		for _, c := range d.Status.Conditions {
			if c.Type == "ReplicaFailure" && c.Status == "True" {
				n.Why = c.Message
			}
		}
	}
	for _, p := range pods {
		labels := p.Metadata.Labels
		if ports[labels["role"]] == 0 || labels["app"] == "" {
			continue
		}
		n := node(labels["app"], labels["role"])
		n.Pods = append(n.Pods, p.seen())
	}
	list := make([]Node, 0, len(found))
	for _, n := range found {
		slices.SortFunc(n.Pods, func(a, b Pod) int {
			return cmp.Or(strings.Compare(a.created, b.created), strings.Compare(a.Name, b.Name))
		})
		list = append(list, *n)
	}
	slices.SortFunc(list, func(a, b Node) int {
		return cmp.Or(cmp.Compare(ports[a.Role], ports[b.Role]), cmp.Compare(len(a.ID), len(b.ID)), strings.Compare(a.ID, b.ID))
	})
	return list
}

func (p pod) seen() Pod {
	s := Pod{Name: p.Metadata.Name, IP: p.Status.PodIP, Phase: p.Status.Phase, Why: p.why(), created: p.Metadata.CreationTimestamp}
	for _, c := range p.Status.Containers {
		s.Restarts += c.RestartCount
	}
	for _, c := range p.Status.Conditions {
		if c.Type == "Ready" && c.Status == "True" {
			s.Ready = p.Metadata.DeletionTimestamp == ""
		}
	}
	return s
}

// why says why a pod does not run, in the words of Kubernetes.
func (p pod) why() string {
	if p.Metadata.DeletionTimestamp != "" {
		return "it is being deleted"
	}
	for _, c := range p.Status.Containers {
		switch {
		case c.State.Waiting != nil && c.State.Waiting.Reason != "ContainerCreating":
			text := told(c.State.Waiting)
			if last := c.LastState.Terminated; last != nil {
				text += fmt.Sprintf(" (it ended with exit code %d, %s)", last.ExitCode, last.Reason)
			}
			return text
		case c.State.Terminated != nil:
			return fmt.Sprintf("%s, exit code %d", told(c.State.Terminated), c.State.Terminated.ExitCode)
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Type == "PodScheduled" && c.Status != "True" {
			return told(&reason{Reason: c.Reason, Message: c.Message})
		}
	}
	return told(&reason{Reason: p.Status.Reason, Message: p.Status.Message})
}

func told(r *reason) string {
	if r.Reason != "" && r.Message != "" {
		return r.Reason + ": " + r.Message
	}
	return r.Reason + r.Message
}
