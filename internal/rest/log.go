package rest

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// getChosen gives chosen entries as they are in the log, for people; learners
// ask over their streams.
func (s *Server) getChosen(c *gin.Context) {
	from, bad := number(c, "from", 1)
	if bad != nil {
		refuse(c, bad)
		return
	}
	limit, bad := number(c, "limit", valuesDefault)
	if bad == nil && (limit < 1 || limit > valuesMost) {
		bad = badRequest(fmt.Errorf("parameter limit: %d is not between 1 and %d", limit, valuesMost), "")
	}
	if bad != nil {
		refuse(c, bad)
		return
	}
	var got paxos.Envelope
	var floor paxos.Slot
	if !s.look(c, func() {
		floor = s.Learner.Floor()
		entries := s.Learner.Chosen(paxos.Slot(from), maxMessageBytes/2)
		got = s.Learner.Header().Envelope("", paxos.Chosen{First: paxos.Slot(from), Watermark: s.Learner.Applied(), Floor: floor,
			Entries: entries[:min(len(entries), int(limit))]})
	}) {
		return
	}
	if paxos.Slot(from) < floor && from != 0 {
		refuse(c, problem("truncated", http.StatusGone, fmt.Sprintf("%s keeps the log from slot %d on", s.settings.ID, floor),
			"/snapshot has the effects of what was before"))
		return
	}
	if c.GetHeader("Accept") == binaryForm {
		c.Data(http.StatusOK, binaryForm, paxos.AppendEnvelope(nil, got))
		return
	}
	text, err := paxos.EncodeJSON(got)
	if err != nil {
		refuse(c, problem("internal", http.StatusInternalServerError, err.Error(), ""))
		return
	}
	c.Data(http.StatusOK, "application/json", append(text, '\n'))
}

// getSnapshot gives the whole state as it is, in the binary form of the state
// machine. It is written as it is made, so its digest comes last.
func (s *Server) getSnapshot(c *gin.Context) {
	var view *kv.View
	var cluster paxos.ClusterID
	if !s.look(c, func() { view, cluster = s.view(), s.Learner.Header().Cluster }) {
		return
	}
	c.Header("Content-Type", "application/octet-stream")
	c.Header("Trailer", client.HeaderDigest)
	c.Header(client.HeaderApplied, strconv.FormatUint(uint64(view.Applied()), 10))
	c.Header(client.HeaderCluster, cluster.String())
	c.Status(http.StatusOK)
	digest := sha256.New()
	out := bufio.NewWriterSize(c.Writer, partBytes)
	if _, err := view.WriteTo(io.MultiWriter(out, digest)); err != nil || out.Flush() != nil {
		c.Abort() // the reader is gone: it gets no digest, and takes no part for the whole
		return
	}
	c.Header(client.HeaderDigest, hex.EncodeToString(digest.Sum(nil)))
}
