package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// lookEvery is how long what was seen of the pods is believed, where an address
// is not among them; answerLimit bounds what the API server may answer.
const (
	lookEvery   = 500 * time.Millisecond
	answerLimit = 64 << 20
)

// Look asks the API server which nodes are deployed, and for their pods.
func (c *Cluster) Look(ctx context.Context) error {
	if err := c.turn(ctx); err != nil {
		return err
	}
	defer c.done()
	return c.look(ctx)
}

// turn waits until nobody else asks the API server who is there, but no longer
// than its caller can; done gives the turn to the next.
func (c *Cluster) turn(ctx context.Context) error {
	select {
	case c.looking <- struct{}{}:
		return nil
	case <-ctx.Done():
		return c.unreachable(ctx.Err())
	}
}

func (c *Cluster) done() { <-c.looking }

func (c *Cluster) look(ctx context.Context) error {
	var deployments deploymentList
	var pods podList
	done := make(chan error, 1)
	go func() {
		done <- c.get(ctx, "/apis/apps/v1/namespaces/"+url.PathEscape(c.Namespace)+"/deployments", &deployments)
	}()
	err := c.get(ctx, "/api/v1/namespaces/"+url.PathEscape(c.Namespace)+"/pods", &pods)
	if other := <-done; err == nil {
		err = other
	}
	if err != nil {
		return err
	}
	nodes := nodesOf(deployments.Items, pods.Items)
	if len(nodes) == 0 {
		return c.notDeployed(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes, c.pods, c.looked = nodes, map[string]string{}, time.Now()
	for _, n := range nodes {
		for _, p := range n.Pods {
			if p.IP != "" && p.Phase != "Succeeded" && p.Phase != "Failed" {
				c.pods[p.IP] = p.Name
			}
		}
	}
	return nil
}

// notDeployed tells a namespace without nodes from one that is not there.
func (c *Cluster) notDeployed(ctx context.Context) error {
	detail := fmt.Sprintf("there are no nodes in the namespace %s", c.Namespace)
	var answer *Error
	if err := c.get(ctx, "/api/v1/namespaces/"+url.PathEscape(c.Namespace), &struct{}{}); errors.As(err, &answer) && answer.Kind == NotDeployed {
		detail = fmt.Sprintf("there is no namespace %s", c.Namespace)
	}
	if c.Context != "" {
		detail += " of context " + c.Context
	}
	return &Error{Kind: NotDeployed, Detail: detail, Hint: "deploy first: " + c.Deploy()}
}

// get reads an object of the API server.
func (c *Cluster) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.String()+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return c.unreachable(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return c.unreachable(err)
	}
	if response.StatusCode != http.StatusOK {
		return c.refused(response, text, "reading "+path)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return c.unreachable(fmt.Errorf("its answer to %s cannot be read: %w", path, err))
	}
	return nil
}

func (c *Cluster) unreachable(err error) error {
	return &Error{Kind: Unreachable, Detail: fmt.Sprintf("%s cannot be asked: %v", c.where(), cause(err)),
		Hint: "nothing was changed; does Kubernetes run? See " + c.Kubectl("get pods"), Err: err}
}

// cause is an error of the network without the request that it was about.
func cause(err error) string {
	var whole *url.Error
	if errors.As(err, &whole) {
		err = whole.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return err.Error()
}

// refused is why the API server does not answer what it was asked itself.
func (c *Cluster) refused(response *http.Response, text []byte, what string) error {
	message := statusOf(response.Header.Get("Content-Type"), text).Message
	if message == "" {
		message = response.Status
	}
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return c.forbidden(response.StatusCode, message)
	case http.StatusNotFound:
		return &Error{Kind: NotDeployed, Detail: fmt.Sprintf("%s: %s", c.where(), message), Hint: "deploy first: " + c.Deploy()}
	}
	return c.unreachable(fmt.Errorf("%s: %s", what, message))
}

func (c *Cluster) forbidden(code int, message string) *Error {
	detail := fmt.Sprintf("%s refuses: %s", c.where(), message)
	if code == http.StatusUnauthorized {
		return &Error{Kind: Forbidden, Detail: detail, Hint: "it does not know the user of the context (any more): kubectl config view shows who that is"}
	}
	return &Error{Kind: Forbidden, Detail: detail,
		Hint: "it takes the verbs list of pods and deployments, and get, create, update and delete of pods/proxy and services/proxy, in the namespace " + c.Namespace}
}

// Nodes gives the nodes as they were when they were last looked at.
func (c *Cluster) Nodes() []Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes
}

// Node gives the node of that name; of one that nobody deployed little is known.
func (c *Cluster) Node(id string) Node {
	for _, n := range c.Nodes() {
		if n.ID == id {
			return n
		}
	}
	return Node{ID: id}
}

// podAt gives the name of the pod with an address, "" if there is none; it looks
// again for one that is not known, and where what it saw is in doubt.
func (c *Cluster) podAt(ctx context.Context, ip string) (string, error) {
	if name, looked := c.known(ip); name != "" && !looked.IsZero() {
		return name, nil
	}
	if err := c.turn(ctx); err != nil {
		return "", err
	}
	defer c.done()
	// Another request may have looked while this one waited.
	name, looked := c.known(ip)
	if !looked.IsZero() && (name != "" || time.Since(looked) < lookEvery) {
		return name, nil
	}
	if err := c.look(ctx); err != nil {
		return "", err
	}
	name, _ = c.known(ip)
	return name, nil
}

func (c *Cluster) known(ip string) (string, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pods[ip], c.looked
}

// doubt makes the next request to any pod look again. One that does not answer
// may be starting, and its address stays known; one that is gone is forgotten.
func (c *Cluster) doubt(ip string, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = time.Time{}
	if gone {
		delete(c.pods, ip)
	}
}
