package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"paxos/client"
)

// lateConn says that its bytes are out only when it is released.
type lateConn struct {
	net.Conn
	late    *atomic.Bool
	release chan struct{}
}

func (c *lateConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if c.late.Load() {
		<-c.release
	}
	return n, err
}

// TestWhatArrivesWhileItIsWrittenIsUnknown: over HTTP/2 the time may be over when
// a request has arrived and who writes it has not said so yet.
func TestWhatArrivesWhileItIsWrittenIsUnknown(t *testing.T) {
	arrived := make(chan struct{}, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			return
		}
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	var late atomic.Bool
	release := make(chan struct{})
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return &lateConn{conn, &late, release}, err
		}}
	t.Cleanup(func() { close(release); transport.CloseIdleConnections(); server.CloseClientConnections() })
	with := &http.Client{Transport: transport}
	first, err := with.Get(server.URL + "/first")
	if err != nil || first.ProtoMajor != 2 || first.Body.Close() != nil {
		t.Fatalf("%v, %v", first, err)
	}
	c, err := client.New([]string{server.URL}, client.WithHTTPClient(with))
	if err != nil {
		t.Fatal(err)
	}
	late.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() { <-arrived; cancel() }()
	if _, err := c.Send(ctx, "v"); !errors.Is(err, client.ErrUnknown) {
		t.Error(err)
	}
}
