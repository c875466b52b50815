package kube

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"path"
	"strings"
	"sync/atomic"
)

// RoundTrip implements http.RoundTripper: what is meant for client1:6000, the
// Service of a node, or for the address of a pod goes to the API server, which
// passes it on.
//
// Who sends tells by httptrace whether a request can have reached the node: its
// WroteHeaders is called only if that may be so, and not when the request merely
// reached the API server. A node that is down so gives the same error as a
// connection that is refused.
func (c *Cluster) RoundTrip(request *http.Request) (*http.Response, error) {
	to, err := c.target(request)
	if err != nil {
		return c.denied(request, err)
	}
	if !passes(request.URL) {
		closeBody(request)
		return refusal(request, http.StatusBadRequest, c.cannotPass(request.URL)), nil
	}
	var connected atomic.Bool
	var written atomic.Int32 // copies: a transport sends some requests again by itself
	traced := httptrace.WithClientTrace(untraced{request.Context()}, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }, WroteHeaders: func() { written.Add(1) }})
	passed := request.Clone(traced)
	passed.URL, passed.Host = c.rewritten(to.path, request.URL), ""
	response, err := c.transport.RoundTrip(passed)
	if err != nil {
		// HTTP/2 tells that the headers are written only when they are out, and
		// does not wait for who writes them when the caller's time is over.
		if written.Load() > 0 || connected.Load() && request.Context().Err() != nil {
			mayHaveArrived(request)
			return nil, &Error{Kind: Lost, Detail: fmt.Sprintf("%s gave no answer: %s", c.where(), cause(err)), Err: err}
		}
		return nil, c.unreachable(err)
	}
	if err := c.judge(response, to); err != nil {
		if err.Kind == Lost || written.Load() > 1 {
			mayHaveArrived(request)
		}
		return c.denied(request, err)
	}
	mayHaveArrived(request)
	response.Request = request
	return response, nil
}

// target is the node that a request is for.
type target struct {
	path string // of its proxy
	ip   string // "" if it is a Service
	node string // its id, "" if it is not known
	// replay says that the API server may have sent more than one copy.
	replay bool
}

// target finds the node that a request is for.
func (c *Cluster) target(request *http.Request) (target, error) {
	host, port := request.URL.Hostname(), request.URL.Port()
	to := target{replay: replayable(request)}
	namespace := "/api/v1/namespaces/" + url.PathEscape(c.Namespace)
	if net.ParseIP(host) == nil {
		to.node = serviceName(host, c.Namespace)
		to.path = namespace + "/services/" + url.PathEscape(to.node) + ":" + portName(port) + "/proxy"
		return to, nil
	}
	name, err := c.podAt(untraced{request.Context()}, host)
	if err != nil {
		return to, err
	}
	if name == "" {
		return to, &Error{Kind: NodeDown, Detail: fmt.Sprintf("no pod in the namespace %s has this address (any more)", c.Namespace), Hint: c.Kubectl("get pods -o wide") + " shows those that there are"}
	}
	to.ip, to.node = host, c.nodeOf(name)
	to.path = namespace + "/pods/" + url.PathEscape(name) + ":" + cmp.Or(port, "80") + "/proxy"
	return to, nil
}

func (c *Cluster) nodeOf(pod string) string {
	for _, n := range c.Nodes() {
		for _, p := range n.Pods {
			if p.Name == pod {
				return n.ID
			}
		}
	}
	return ""
}

// serviceName is a Service by one of the names that DNS has for it.
func serviceName(host, namespace string) string {
	for _, suffix := range []string{".cluster.local", ".svc", "." + namespace} {
		host = strings.TrimSuffix(host, suffix)
	}
	return host
}

// portName is the port in a Service: all nodes name theirs http.
func portName(port string) string {
	for _, number := range ports {
		if port == fmt.Sprint(number) || port == "" {
			return "http"
		}
	}
	return port
}

// rewritten is the URL at the API server, with the path as it was escaped.
func (c *Cluster) rewritten(proxy string, asked *url.URL) *url.URL {
	u := *c.base
	u.RawPath = u.EscapedPath() + proxy + asked.EscapedPath()
	u.Path += proxy + asked.Path
	u.RawQuery = asked.RawQuery
	return &u
}

// passes reports whether a path comes out of the API server's proxy meaning what
// it meant. The proxy unescapes a path, cleans it as path.Clean does, keeping one
// slash at its end, and escapes it anew: two slashes become one, . and .. vanish,
// and %2F is a slash, which makes no difference in a key only.
func passes(u *url.URL) bool {
	clean := path.Clean(u.Path)
	if strings.HasSuffix(u.Path, "/") && clean != "/" {
		clean += "/"
	}
	escaped := strings.Contains(strings.ToUpper(u.EscapedPath()), "%2F")
	return (u.Path == "" || u.Path == clean) && (!escaped || strings.HasPrefix(u.Path, "/kv/"))
}

func (c *Cluster) cannotPass(u *url.URL) *Error {
	return &Error{Detail: fmt.Sprintf("%s does not pass through the proxy of the API server, which tidies up the slashes and dots in it; nothing was asked of anybody", u.EscapedPath()),
		Hint: fmt.Sprintf("%s in another terminal, then --endpoints 127.0.0.1:6001", c.Kubectl("port-forward service/client1 6001:6000"))}
}

// denied is the end of a request that the API server did not pass on: to be
// forbidden is an answer, since to go on asking is of no use; everything else is
// silence of the node.
func (c *Cluster) denied(request *http.Request, err error) (*http.Response, error) {
	closeBody(request)
	var known *Error
	if errors.As(err, &known) && known.Kind == Forbidden {
		return refusal(request, http.StatusForbidden, known), nil
	}
	return nil, err
}

// refusal is an answer of nobody but this package.
func refusal(request *http.Request, status int, e *Error) *http.Response {
	kind := cmp.Or(e.Kind, "no-way-through")
	text, _ := json.Marshal(map[string]any{"type": ProblemTypes + string(kind), "title": http.StatusText(status), "status": status, "detail": e.Detail, "hint": e.Hint})
	return &http.Response{Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text)), Request: request}
}

// closeBody closes the body of a request that is not sent, as a RoundTripper must.
func closeBody(request *http.Request) {
	if request.Body != nil {
		_ = request.Body.Close()
	}
}

func mayHaveArrived(request *http.Request) {
	if trace := httptrace.ContextClientTrace(request.Context()); trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
}

// replayable reports whether net/http, here and in the API server, may send the
// request again by itself when a connection breaks: what is said of the last copy
// is then not true of the first. Requests with a body have no second one there.
func replayable(request *http.Request) bool {
	_, named := request.Header["Idempotency-Key"] // an empty one too, for net/http
	_, other := request.Header["X-Idempotency-Key"]
	return request.ContentLength == 0 && (named || other)
}

// untraced is a context whose traces are not told of the way to the API server.
type untraced struct{ context.Context }

// Value hides all values, the trace among them.
func (untraced) Value(any) any { return nil }
