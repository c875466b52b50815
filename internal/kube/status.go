package kube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// status is what the API server answers if it does not pass a request on, or had
// no answer to pass back (metav1.Status).
type status struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
	Message    string `json:"message"`
	Reason     string `json:"reason"`
}

// statusOf reads one; the zero status if it is something else.
func statusOf(kind string, text []byte) status {
	var s status
	if !strings.HasPrefix(kind, "application/json") || json.Unmarshal(text, &s) != nil || s.Kind != "Status" || s.APIVersion != "v1" {
		return status{}
	}
	return s
}

// statusLimit bounds a status; they are short.
const statusLimit = 1 << 16

// judge gives nil for a node's answer, and an error for what the API server says
// in its place. Nodes refuse with application/problem+json and nothing else.
func (c *Cluster) judge(response *http.Response, to target) *Error {
	kind := response.Header.Get("Content-Type")
	if response.StatusCode < 400 || strings.HasPrefix(kind, "application/problem+json") {
		return nil
	}
	if response.StatusCode == http.StatusTooManyRequests {
		_ = response.Body.Close()
		return &Error{Kind: NodeDown, Detail: c.where() + " has too much to do, and did not pass it on", Hint: "nothing was changed; try again later"}
	}
	if !strings.HasPrefix(kind, "application/json") {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, statusLimit))
	s := statusOf(kind, text)
	if s.Kind == "" || err != nil {
		response.Body = &replayed{io.MultiReader(bytes.NewReader(text), response.Body), response.Body}
		return nil
	}
	_ = response.Body.Close()
	switch {
	case response.StatusCode == http.StatusUnauthorized, response.StatusCode == http.StatusForbidden:
		return c.forbidden(response.StatusCode, s.Message)
	case response.StatusCode >= 500 && !neverSent(s.Message, to.replay):
		return &Error{Kind: Lost, Detail: fmt.Sprintf("the API server had no answer to pass back: %s%s", s.Message, c.stateOf(to)), Hint: c.downHint(to)}
	}
	if to.ip != "" {
		c.doubt(to.ip, response.StatusCode == http.StatusNotFound)
	}
	return &Error{Kind: NodeDown, Detail: s.Message + c.stateOf(to), Hint: c.downHint(to)}
}

// neverSent reports whether the API server says with a 503 that it had nobody to
// send a request to. What it sent and got no answer to is told in other words.
func neverSent(message string, replay bool) bool {
	return strings.HasPrefix(message, "no endpoints available for service") || strings.HasPrefix(message, "no service port ") ||
		!replay && strings.HasPrefix(message, "error trying to reach service: dial tcp ")
}

// stateOf says what Kubernetes makes of the node, for an error's sentence.
func (c *Cluster) stateOf(to target) string {
	n := c.Node(to.node)
	if n.Role == "" || n.Up() {
		return ""
	}
	return fmt.Sprintf(" (%s: %s)", n.ID, n.State())
}

func (c *Cluster) downHint(to target) string {
	n := c.Node(to.node)
	if n.Role == "" {
		return c.Kubectl("get deployments,pods") + " shows what there is"
	}
	return c.Remedy(n)
}

// Remedy is the command line that brings a node back, or tells why it does not
// come; "" if its pod is ready.
func (c *Cluster) Remedy(n Node) string {
	switch {
	case len(n.Pods) == 0 && !n.Deployed:
		return c.Deploy()
	case n.Deployed && n.Replicas == 0:
		return c.Kubectl("scale deployment " + n.ID + " --replicas=1")
	case len(n.Pods) == 0:
		return c.Kubectl("describe deployment " + n.ID)
	case n.Up():
		return ""
	}
	p := n.Pods[len(n.Pods)-1]
	if p.Restarts > 0 && p.Phase == "Running" {
		return c.Kubectl("logs " + p.Name + " --previous")
	}
	return c.Kubectl("describe pod " + p.Name)
}

// replayed is a body of which a part was read already.
type replayed struct {
	io.Reader
	closer io.Closer
}

// Close implements io.Closer.
func (r *replayed) Close() error { return r.closer.Close() }
