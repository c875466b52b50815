// Package late is a server over HTTP/2, and a way to it whose writes arrive at
// once and are said to be out only later: what tests need that judge whether a
// request may have arrived.
//
// It judges nothing: package client and internal/kube do.
package late

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// Way is the server and the way to it.
type Way struct {
	URL       string
	Transport *http.Transport
	// Arrived gets a token for each request that the server has as a whole; the
	// server never answers it.
	Arrived chan struct{}
}

// conn says that its bytes are out only when it is released.
type conn struct {
	net.Conn
	late    *atomic.Bool
	release chan struct{}
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if c.late.Load() {
		<-c.release
	}
	return n, err
}

// New makes a way with a connection that stands; what is written from now on is
// late until the test ends.
func New(t testing.TB) *Way {
	t.Helper()
	w := &Way{Arrived: make(chan struct{}, 1)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			return
		}
		w.Arrived <- struct{}{}
		<-r.Context().Done()
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	late, release := new(atomic.Bool), make(chan struct{})
	w.URL = server.URL
	w.Transport = &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return &conn{c, late, release}, err
		}}
	t.Cleanup(func() { close(release); w.Transport.CloseIdleConnections(); server.CloseClientConnections() })
	first, err := (&http.Client{Transport: w.Transport}).Get(server.URL + "/first")
	if err != nil || first.ProtoMajor != 2 || first.Body.Close() != nil {
		t.Fatalf("%v, %v", first, err)
	}
	late.Store(true)
	return w
}
