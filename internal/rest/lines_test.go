package rest

import (
	"errors"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
)

// unreadable is a connection whose other side is gone.
type unreadable struct{ gin.ResponseWriter }

func (unreadable) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }
func (unreadable) Flush()                    {}

// TestLinesThatNobodyReadsEnd at the first answer that cannot be written: who
// reads lines waits for room that nothing makes any more.
func TestLinesThatNobodyReadsEnd(t *testing.T) {
	n := start(t, newBook(), "client1")
	l := &lining{server: n.server, patience: patience, queue: make(chan lined, 1), freed: make(chan struct{}, 1), gone: t.Context()}
	l.answer(problem("bad-request", http.StatusBadRequest, "x", ""))
	wrote := make(chan bool, 1)
	go func() { wrote <- l.write(unreadable{}) }()
	if <-wrote {
		t.Error("all is well with it")
	}
}
