package rest

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
)

// passedOn bounds what a learner answers: a page of values, as JSON with every
// byte escaped.
const passedOn = 64 << 20

// answer is what a learner says.
type answer struct {
	status int
	kind   string
	body   []byte
}

func (a *answer) pass(c *gin.Context) {
	if a.status == http.StatusServiceUnavailable {
		c.Header("Retry-After", "1")
	}
	c.Data(a.status, a.kind, a.body)
}

// fromLearner asks learners, one after the other, until one can answer, and
// passes that on. Which one is asked first stays the same, so that a reader
// does not jump back and forth in time while that learner lives. Path is the
// question to one that may wait so long: each has half of the time that is
// left, the last one all of it.
func (s *Server) fromLearner(c *gin.Context, patience time.Duration, path func(time.Duration) string) {
	end := time.Now().Add(patience)
	addresses := s.learners()
	var behind string // who might still answer, if it had more time
	var kept *answer
	var silent error
	ask := func(address string, parts int) (settled bool) {
		share := max(time.Until(end)/time.Duration(parts), time.Millisecond)
		got, err := s.get(c.Request.Context(), "http://"+address+path(share), share+min(share, s.settings.RequestTimeout)/4)
		switch {
		case err != nil:
			silent = err
		case got.status < http.StatusInternalServerError:
			got.pass(c)
			return true
		default:
			kept = got
			if got.status == http.StatusGatewayTimeout {
				behind = address
			}
		}
		return false
	}
	for i, address := range addresses {
		if ask(address, min(2, len(addresses)-i)) {
			return
		}
	}
	// Those after it were gone at once, perhaps.
	if behind != "" && time.Until(end) > patience/4 && ask(behind, 1) {
		return
	}
	switch {
	case kept != nil:
		kept.pass(c)
	case silent != nil:
		refuse(c, noLearner("no learner answered: "+silent.Error()))
	default:
		refuse(c, noLearner("no learner is known"))
	}
}

func noLearner(why string) *client.Problem {
	return problem("no-learner", http.StatusServiceUnavailable, why, "nothing was changed; see /gossip/nodes for who is there")
}

// learners are the addresses of all learners, in the order of this service.
func (s *Server) learners() (addresses []string) {
	list := s.settings.Configuration().Learners
	first := int(crc32.ChecksumIEEE([]byte(s.settings.ID)))
	for i := range list {
		addresses = append(addresses, s.hub.book.Addresses(list[(first+i)%len(list)])...)
	}
	return addresses
}

func (s *Server) get(ctx context.Context, url string, limit time.Duration) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := s.fetch.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(response.Body, passedOn+1))
	if err == nil && len(b) > passedOn {
		err = fmt.Errorf("an answer of more than %d bytes", passedOn)
	}
	return &answer{response.StatusCode, response.Header.Get("Content-Type"), b}, err
}
