package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/lni/dragonboat/v4"
	"github.com/lni/dragonboat/v4/client"

	"paxos/bench/peers/dragonboat/command"
)

const (
	patience = 5 * time.Second
	largest  = 8 << 20 // bytes of a body
)

// server is what users speak to:
//
//	PUT  /kv/KEY        writes the body
//	GET  /kv/KEY        reads linearizably; with ?stale=1 what is in memory
//	POST /increment/KEY adds one
//	POST /batch         writes many keys, in the form of package command
//	GET  /leads         200 if this member leads, else 404
type server struct {
	host    *dragonboat.NodeHost
	session *client.Session // of no effect: the bench's writes are not repeated
	id      uint64
	mux     *http.ServeMux
}

func newServer(host *dragonboat.NodeHost, id uint64) *server {
	s := &server{host: host, session: host.GetNoOPSession(shard), id: id, mux: http.NewServeMux()}
	s.mux.HandleFunc("POST /batch", s.batch)
	s.mux.HandleFunc("GET /leads", s.leads)
	return s
}

// ServeHTTP spares the routes that are measured the mux.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if key, ok := strings.CutPrefix(r.URL.Path, "/kv/"); ok {
		switch r.Method {
		case http.MethodPut:
			s.put(w, r, key)
		case http.MethodGet:
			s.get(w, r, key)
		default:
			http.Error(w, "PUT or GET", http.StatusMethodNotAllowed)
		}
		return
	}
	if key, ok := strings.CutPrefix(r.URL.Path, "/increment/"); ok && r.Method == http.MethodPost {
		s.propose(w, r, command.Append([]byte{command.Increment}, key))
		return
	}
	s.mux.ServeHTTP(w, r)
}

// body reads all of a body behind its head, which has room for it.
func body(w http.ResponseWriter, r *http.Request, head func(length int) []byte) ([]byte, bool) {
	if r.ContentLength < 0 || r.ContentLength > largest {
		http.Error(w, fmt.Sprintf("a body says its length, at most %d bytes", largest), http.StatusRequestEntityTooLarge)
		return nil, false
	}
	cmd := head(int(r.ContentLength))
	begin := len(cmd)
	cmd = cmd[:begin+int(r.ContentLength)]
	if _, err := io.ReadFull(r.Body, cmd[begin:]); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil, false
	}
	return cmd, true
}

func (s *server) put(w http.ResponseWriter, r *http.Request, key string) {
	cmd, ok := body(w, r, func(length int) []byte {
		// Raft keeps the command: it cannot come from a pool.
		cmd := append(make([]byte, 0, length+len(key)+16), command.Put)
		return command.AppendLength(command.Append(cmd, key), length)
	})
	if ok {
		s.propose(w, r, cmd)
	}
}

func (s *server) batch(w http.ResponseWriter, r *http.Request) {
	if cmd, ok := body(w, r, func(length int) []byte { return make([]byte, 0, length) }); ok {
		if err := command.Check(cmd); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.propose(w, r, cmd)
	}
}

func (s *server) propose(w http.ResponseWriter, r *http.Request, cmd []byte) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	if _, err := s.host.SyncPropose(ctx, s.session, cmd); err != nil {
		refuse(w, err)
	}
}

func (s *server) get(w http.ResponseWriter, r *http.Request, key string) {
	var value any
	var err error
	if r.URL.RawQuery == "stale=1" {
		value, err = s.host.StaleRead(shard, key)
	} else {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		value, err = s.host.SyncRead(ctx, shard, key)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	if value, ok := value.([]byte); ok && value != nil {
		_, _ = w.Write(value) // who is gone needs no answer
		return
	}
	http.Error(w, "there is no such key", http.StatusNotFound)
}

func refuse(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	if errors.Is(err, dragonboat.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
		status = http.StatusGatewayTimeout
	}
	http.Error(w, err.Error(), status)
}

func (s *server) leads(w http.ResponseWriter, _ *http.Request) {
	leader, _, known, err := s.host.GetLeaderID(shard)
	switch {
	case err != nil:
		refuse(w, err)
	case !known || leader != s.id:
		http.Error(w, "this member does not lead", http.StatusNotFound)
	}
}
