package client_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"paxos/client"
	"paxos/test/late"
)

// TestWhatArrivesWhileItIsWrittenIsUnknown: over HTTP/2 the time may be over when
// a request has arrived and who writes it has not said so yet.
func TestWhatArrivesWhileItIsWrittenIsUnknown(t *testing.T) {
	way := late.New(t)
	c, err := client.New([]string{way.URL}, client.WithHTTPClient(&http.Client{Transport: way.Transport}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() { <-way.Arrived; cancel() }()
	if _, err := c.Send(ctx, "v"); !errors.Is(err, client.ErrUnknown) {
		t.Error(err)
	}
}
