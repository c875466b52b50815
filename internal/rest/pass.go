package rest

import (
	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
)

// Reads at a client service: what is wrong with a question is said here, and
// what is right is passed on to a learner.

func (s *Server) passKV(c *gin.Context) {
	span, err := s.spanOf(c)
	if err != nil {
		refuse(c, badRequest(err, kvHint))
		return
	}
	if bad := s.checkKV(c, span); bad != nil {
		refuse(c, bad)
		return
	}
	s.passChecked(c)
}

// checkKV says what is wrong with a read of a key or a range.
func (s *Server) checkKV(c *gin.Context, span kv.Span) *client.Problem {
	if span.End != "" {
		_, bad := parseRange(c, span)
		return bad
	}
	_, bad := parseOne(c)
	return bad
}

func (s *Server) passChecked(c *gin.Context) {
	if _, bad := s.parseReading(c); bad != nil {
		refuse(c, bad)
		return
	}
	s.passRead(c)
}

func (s *Server) passLease(c *gin.Context) {
	if _, bad := pathLease(c); bad != nil {
		refuse(c, bad)
		return
	}
	s.passChecked(c)
}

func (s *Server) passQueue(kv.Queue) gin.HandlerFunc {
	return func(c *gin.Context) {
		_, bad := queueName(c)
		if bad == nil {
			_, bad = token(c, false)
		}
		if bad != nil {
			refuse(c, bad)
			return
		}
		s.passChecked(c)
	}
}
