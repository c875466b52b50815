package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/paxos"
)

// maxTimeout is the longest ?timeout=.
const maxTimeout = 60 * time.Second

func problem(kind string, status int, detail, hint string) *client.Problem {
	return &client.Problem{Type: "urn:paxos:" + kind, Title: http.StatusText(status), Status: status, Detail: detail, Hint: hint}
}

// badRequest says what is wrong with a request: 413 if it is its size.
func badRequest(err error, hint string) *client.Problem {
	if size := sizeError(""); errors.As(err, &size) {
		return problem("too-large", http.StatusRequestEntityTooLarge, err.Error(), "send less in one request")
	}
	return problem("bad-request", http.StatusBadRequest, err.Error(), hint)
}

// reply writes a JSON answer.
func reply(c *gin.Context, status int, v any) { tellJSON(ginVoice{c}, status, "application/json", v) }

func compactJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

func refuse(c *gin.Context, p *client.Problem) {
	c.Abort()
	tellProblem(ginVoice{c}, p)
}

// body reads the whole body, up to limit bytes.
func body(c *gin.Context, limit int64) ([]byte, *client.Problem) {
	b, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, limit))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, problem("too-large", http.StatusRequestEntityTooLarge,
			fmt.Sprintf("the body is larger than %d bytes", limit), "send less in one request")
	case err != nil:
		return nil, problem("bad-request", http.StatusBadRequest, "the body could not be read: "+err.Error(), "send it again")
	}
	return b, nil
}

// number reads a query parameter as a whole number.
func number(c *gin.Context, name string, def uint64) (uint64, *client.Problem) {
	text, given := c.GetQuery(name)
	if !given {
		return def, nil
	}
	n, err := paxos.ParseUint(text)
	if err != nil {
		return 0, badRequest(fmt.Errorf("parameter %s: %w", name, err), "")
	}
	return n, nil
}

// known refuses query parameters that the endpoint does not have: a misspelt
// one would be ignored, and the answer would be to another question.
func known(names ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		query, err := url.ParseQuery(c.Request.URL.RawQuery)
		if err != nil {
			refuse(c, badRequest(fmt.Errorf("the parameters cannot be read: %w", err), ""))
			return
		}
		for _, got := range slices.Sorted(maps.Keys(query)) { // of several, always the same is named
			if !slices.Contains(names, got) {
				hint := "this endpoint takes no parameters"
				if len(names) > 0 {
					hint = fmt.Sprintf("this endpoint takes %q", names)
				}
				refuse(c, badRequest(fmt.Errorf("unknown parameter %q", got), hint))
				return
			}
		}
	}
}

// patience reads ?timeout=, a duration such as 500ms or 2s.
func (s *Server) patience(c *gin.Context) (time.Duration, *client.Problem) {
	text, given := c.GetQuery("timeout")
	if !given {
		return s.settings.RequestTimeout, nil
	}
	return parsePatience(text)
}

func parsePatience(text string) (time.Duration, *client.Problem) {
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Millisecond || d > maxTimeout {
		return 0, badRequest(fmt.Errorf("parameter timeout: %q is no duration from 1ms to %v", text, maxTimeout), "for example 500ms or 2s")
	}
	return d, nil
}
