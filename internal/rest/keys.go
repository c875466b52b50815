package rest

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
)

var rangeParameters = append([]string{"prefix", "end", "limit", "page", "keys_only", "count_only", "revision"}, readParameters...)

// pathText gives what stands in a path, percent-decoded; a plus is a plus.
func pathText(raw, what string) (string, error) {
	text, err := url.PathUnescape(raw)
	if err == nil && !utf8.ValidString(text) {
		err = errors.New("it is not UTF-8")
	}
	if err != nil {
		return "", fmt.Errorf("the %s in the path cannot be read: %w", what, err)
	}
	return text, nil
}

// pathOfKey is the key in /kv/…, in which slashes may stand as they are.
func (s *Server) pathOfKey(c *gin.Context) (string, error) {
	key, err := pathText(strings.TrimPrefix(c.Param("key"), "/"), "key")
	if err != nil {
		return "", err
	}
	return key, s.keyFits(key)
}

func (s *Server) keyFits(key string) error {
	if most := s.limits().KeyBytes; len(key) > most {
		return tooLarge("the key has %d bytes, at most %d are allowed", len(key), most)
	}
	return nil
}

// flag reads a parameter that is there or not.
func flag(c *gin.Context, name string) (bool, error) {
	text, given := c.GetQuery(name)
	switch {
	case !given:
		return false, nil
	case text == "" || text == "true" || text == "1":
		return true, nil
	case text == "false" || text == "0":
		return false, nil
	}
	return false, fmt.Errorf("parameter %s: %q is neither true nor false", name, text)
}

var errNoKey = errors.New("a key is needed; the empty one cannot be")

// span is one key, or all keys with a prefix, or those from key up to end.
func (s *Server) span(key string, prefix bool, end string, ended bool) (kv.Span, error) {
	if !utf8.ValidString(end) {
		return kv.Span{}, errors.New("the end of the range is not UTF-8")
	}
	switch {
	case prefix && ended:
		return kv.Span{}, errors.New("prefix and end exclude each other")
	case prefix:
		return kv.Prefix(key), nil
	case ended && end == "":
		return kv.Span{}, errors.New("the end of a range cannot be empty; %00 stands for all keys from the first on")
	case ended:
		return kv.Span{Key: cmp.Or(key, "\x00"), End: end}, s.keyFits(end)
	case key == "":
		return kv.Span{}, errNoKey
	}
	return kv.Span{Key: key}, nil
}

// spanOf is the span that a path and ?prefix or ?end= say.
func (s *Server) spanOf(c *gin.Context) (kv.Span, error) {
	key, err := s.pathOfKey(c)
	if err != nil {
		return kv.Span{}, err
	}
	prefix, err := flag(c, "prefix")
	if err != nil {
		return kv.Span{}, err
	}
	end, ended := c.GetQuery("end")
	return s.span(key, prefix, end, ended)
}

const kvHint = "for example /kv/config/color, or /kv/config/?prefix"

// getKV answers one key raw, or a range as JSON, or opens a stream of reads.
func (s *Server) getKV(c *gin.Context) {
	if c.GetHeader("Upgrade") != "" && c.FullPath() == "/kv" && c.Request.Method == http.MethodGet {
		s.readStream(c)
		return
	}
	span, err := s.spanOf(c)
	if err != nil {
		refuse(c, badRequest(err, kvHint))
		return
	}
	if span.End != "" {
		s.getRange(c, span)
		return
	}
	s.getOne(c, span.Key, wantsJSON(c))
}

// getRead answers /read: of one key, or the values in log order.
func (s *Server) getRead(c *gin.Context) {
	key, given := c.GetQuery("key")
	if !given {
		if bad := misplaced(c, readKeyParameters, "key"); bad != nil {
			refuse(c, bad)
			return
		}
		s.getValues(c)
		return
	}
	if bad := s.checkReadKey(c, key); bad != nil {
		refuse(c, bad)
		return
	}
	s.getOne(c, key, true)
}

var readKeyParameters = []string{"key", "consistency", "max_age", "session_token", "revision"}

// misplaced refuses parameters that say nothing without another one.
func misplaced(c *gin.Context, names []string, without string) *client.Problem {
	for _, name := range names {
		if _, given := c.GetQuery(name); given {
			return badRequest(fmt.Errorf("parameter %s says nothing without %s", name, without), "")
		}
	}
	return nil
}

func (s *Server) checkReadKey(c *gin.Context, key string) *client.Problem {
	for _, name := range valueParameters {
		if _, given := c.GetQuery(name); given && name != "timeout" {
			return badRequest(fmt.Errorf("parameter %s is about the values in log order, and key about a key", name), "")
		}
	}
	err := s.keyFits(key)
	switch {
	case key == "":
		err = errNoKey
	case !utf8.ValidString(key):
		err = errors.New("parameter key: it is not UTF-8")
	}
	if err != nil {
		return badRequest(err, "")
	}
	return nil
}

// reading one key.
type readingOne struct {
	revision kv.Revision
	held     []uint64 // revisions that the reader has; any if it would take none
	any      bool
}

func parseOne(c *gin.Context) (r readingOne, bad *client.Problem) {
	for _, name := range []string{"limit", "page", "keys_only", "count_only"} {
		if _, given := c.GetQuery(name); given && c.FullPath() != "/read" {
			return r, badRequest(fmt.Errorf("parameter %s is about a range", name), "add ?prefix or ?end= to read one")
		}
	}
	revision, bad := number(c, "revision", 0)
	if bad != nil {
		return r, bad
	}
	r.revision = kv.Revision(revision)
	var err error
	if r.held, r.any, err = tags(c, "If-None-Match"); err != nil {
		return r, badRequest(err, tagHint)
	}
	return r, nil
}

// getOne answers one key, as of ?revision= if that is given.
func (s *Server) getOne(c *gin.Context, key string, asJSON bool) {
	ask, bad := parseOne(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	saw, ok := s.sight(c)
	if !ok {
		return
	}
	saw.tellOne(ginVoice{c}, ask, key, asJSON)
}

// tellOne answers one key.
func (saw *sight) tellOne(v voice, ask readingOne, key string, asJSON bool) {
	got, fail := saw.Range(kv.Range{Span: kv.Span{Key: key}, Revision: ask.revision})
	if fail != nil {
		saw.tellFailure(v, fail)
		return
	}
	var one kv.KeyValue
	if len(got.KVs) > 0 {
		one = got.KVs[0]
	}
	tellKey(v, ask, key, one, len(got.KVs) > 0, saw.fresh, asJSON)
}

// tellKey answers one key that was looked for.
func tellKey(v voice, ask readingOne, key string, one kv.KeyValue, found bool, fresh client.Freshness, asJSON bool) {
	v.header("Vary", "Accept")
	if !found {
		tellProblem(v, problem("no-such-key", http.StatusNotFound, fmt.Sprintf("there is no key %q", clipped(key)), ""))
		return
	}
	v.header("ETag", tagOf(one.Mod))
	if ask.any || slices.Contains(ask.held, uint64(one.Mod)) {
		v.sayNothing(http.StatusNotModified)
		return
	}
	if asJSON {
		v.say(http.StatusOK, "application/json", append(appendGot(v.room(), client.Got{KV: shown(one, false), Freshness: fresh}), '\n'))
		return
	}
	v.number(client.HeaderCreate, uint64(one.Create))
	v.number(client.HeaderMod, uint64(one.Mod))
	v.number(client.HeaderVersion, one.Version)
	if one.Lease != 0 {
		v.header(client.HeaderLease, one.Lease.String())
	}
	// A value is whatever somebody wrote: no browser shall guess what it is.
	v.header("X-Content-Type-Options", "nosniff")
	kind := "application/octet-stream"
	if utf8.ValidString(one.Value) {
		kind = "text/plain; charset=utf-8"
	}
	v.say(http.StatusOK, kind, append(v.room(), one.Value...))
}

func clipped(text string) string {
	if len(text) <= 80 {
		return text
	}
	return strings.ToValidUTF8(text[:80], "") + "…"
}

// wantsJSON reports whether JSON is among what the reader accepts by name.
func wantsJSON(c *gin.Context) bool {
	return slices.ContainsFunc(c.Request.Header.Values("Accept"), namesJSON)
}

func namesJSON(accepted string) bool {
	for kind := range strings.SplitSeq(accepted, ",") {
		kind, _, _ = strings.Cut(kind, ";")
		if strings.EqualFold(strings.TrimSpace(kind), "application/json") {
			return true
		}
	}
	return false
}

const tagHint = `a tag is a revision in quotes, for example "7", as in the header ETag; * stands for any`

// tags reads a header of entity tags; any is its star.
func tags(c *gin.Context, name string) (list []uint64, any bool, err error) {
	for _, line := range c.Request.Header.Values(name) {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimSpace(tag)
			if tag == "*" {
				any = true
				continue
			}
			bare, opened := strings.CutPrefix(strings.TrimPrefix(tag, "W/"), `"`)
			bare, closed := strings.CutSuffix(bare, `"`)
			n, bad := strconv.ParseUint(bare, 10, 64)
			if !opened || !closed || bad != nil {
				return nil, false, fmt.Errorf("header %s: %.40q is no tag of a key", name, tag)
			}
			list = append(list, n)
		}
	}
	if any && len(list) > 0 {
		return nil, false, fmt.Errorf("header %s: * stands alone", name)
	}
	return list, any, nil
}
