package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/internal/node"
	"paxos/paxos"
)

// How many events an answer holds, and how often a follower looks for more.
const (
	eventsDefault = 100
	eventsMost    = 10000
	followEvery   = 50 * time.Millisecond
)

// view is a request for events.
type view struct {
	since  uint64
	limit  int
	latest bool
	kinds  map[paxos.EventKind]bool
	format string
	follow bool
}

func parseView(c *gin.Context) (view, *client.Problem) {
	v := view{format: c.DefaultQuery("format", "json")}
	_, since := c.GetQuery("since")
	v.latest = !since
	var bad *client.Problem
	if v.since, bad = number(c, "since", 0); bad != nil {
		return v, bad
	}
	limit, bad := number(c, "limit", eventsDefault)
	if bad != nil {
		return v, bad
	}
	if limit < 1 || limit > eventsMost {
		return v, badRequest(fmt.Errorf("parameter limit: %d is not between 1 and %d", limit, eventsMost), "")
	}
	v.limit = int(limit)
	switch f := c.DefaultQuery("follow", "0"); f {
	case "0", "1":
		v.follow = f == "1"
	default:
		return v, badRequest(fmt.Errorf("parameter follow: %q is neither 0 nor 1", f), "")
	}
	if v.format != "json" && v.format != "ndjson" && v.format != "text" {
		return v, badRequest(fmt.Errorf("parameter format: %q is none of json, ndjson, text", v.format), "")
	}
	if v.follow && v.format == "json" {
		v.format = "ndjson"
	}
	if names := c.Query("kind"); names != "" {
		v.kinds = map[paxos.EventKind]bool{}
		for name := range strings.SplitSeq(names, ",") {
			var k paxos.EventKind
			if err := k.UnmarshalText([]byte(name)); err != nil {
				return v, badRequest(fmt.Errorf("parameter kind: %w", err), "several kinds are separated by commas")
			}
			v.kinds[k] = true
		}
	}
	return v, nil
}

func (v view) wants(k paxos.EventKind) bool { return v.kinds == nil || v.kinds[k] }

// viewLogs shows the node's inner state and its protocol events.
func (s *Server) viewLogs(c *gin.Context) {
	v, bad := parseView(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	events, last, lost := s.loop.Events(v.since, v.limit, v.latest, v.wants)
	switch {
	case v.follow:
		v.since = last
		s.followLogs(c, v, events)
	case v.format == "json":
		var state any
		if !s.look(c, func() { state = s.state() }) {
			return
		}
		list := make([]client.Event, len(events))
		for i, e := range events {
			list[i] = s.show(e)
		}
		reply(c, http.StatusOK, gin.H{"node": s.settings.ID, "role": s.settings.Role, "state": state, "events": list,
			"start": s.hub.start, "last": paxos.Number(last), "lost": paxos.Number(lost)})
	default:
		c.Data(http.StatusOK, v.contentType(), s.format(v, events))
	}
}

func (v view) contentType() string {
	if v.format == "text" {
		return "text/plain; charset=utf-8"
	}
	return "application/x-ndjson"
}

// followLogs writes events as they come until the reader goes away.
func (s *Server) followLogs(c *gin.Context, v view, events []node.Stamped) {

	c.Header("Content-Type", v.contentType())
	c.Status(http.StatusOK)
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		if len(events) > 0 {
			if _, err := c.Writer.Write(s.format(v, events)); err != nil {
				return
			}
		}
		c.Writer.Flush()
		select {
		case <-c.Request.Context().Done():
			return
		case <-s.life.Done():
			return
		case <-ticker.C:
		}
		events, v.since, _ = s.loop.Events(v.since, eventsMost, false, v.wants)
	}
}

func (s *Server) format(v view, events []node.Stamped) []byte {
	var b bytes.Buffer
	for _, e := range events {
		if v.format == "text" {
			s.line(&b, e)
			continue
		}
		line, err := json.Marshal(s.show(e))
		if err != nil {
			continue // an Event has nothing that cannot be marshalled
		}
		b.Write(append(line, '\n'))
	}
	return b.Bytes()
}

func (s *Server) show(e node.Stamped) client.Event {
	shown := client.Event{Number: paxos.Number(e.Number), Time: e.At.UTC().Format("2006-01-02T15:04:05.000000Z"),
		Node: s.settings.ID, Kind: e.Kind.String(), Peer: e.Peer, Slot: e.Slot, Count: e.Count}
	if !e.Ballot.IsZero() {
		shown.Ballot = e.Ballot.String()
	}
	if e.Reason != paxos.NoReason {
		shown.Reason = e.Reason.String()
	}
	return shown
}

// line writes an event for people; its number comes first, so that a script
// can ask for what follows it.
func (s *Server) line(b *bytes.Buffer, e node.Stamped) {
	fmt.Fprintf(b, "%d %s %s %s", e.Number, e.At.UTC().Format("15:04:05.000"), s.settings.ID, e.Kind)
	if e.Peer != "" {
		fmt.Fprintf(b, " peer=%s", e.Peer)
	}
	if !e.Ballot.IsZero() {
		fmt.Fprintf(b, " ballot=%v", e.Ballot)
	}
	if e.Slot != 0 {
		fmt.Fprintf(b, " slot=%d", e.Slot)
	}
	if e.Count != 0 {
		fmt.Fprintf(b, " count=%d", e.Count)
	}
	if e.Reason != paxos.NoReason {
		fmt.Fprintf(b, " reason=%v", e.Reason)
	}
	b.WriteByte('\n')
}
