package rest

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// A page of keys: how many by default and at most, and about how many bytes.
const (
	keysDefault = 1000
	keysMost    = 10000
	keysBytes   = 8 << 20
)

// page says where a range goes on: as of the revision of its first page, after
// the last key. Count is how many keys the whole has.
type page struct {
	revision kv.Revision
	count    uint64
	last     string
}

const pageVersion = 1

var errPage = errors.New("parameter page: that is no page of an answer")

func (p page) String() string {
	b := binary.AppendUvarint([]byte{pageVersion}, uint64(p.revision))
	b = append(binary.AppendUvarint(b, p.count), p.last...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// parsePage takes only what String gives.
func parsePage(text string) (p page, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 4 || b[0] != pageVersion {
		return p, errPage
	}
	b = b[1:]
	revision, n := binary.Uvarint(b)
	if n <= 0 {
		return p, errPage
	}
	count, m := binary.Uvarint(b[n:])
	if m <= 0 {
		return p, errPage
	}
	p = page{kv.Revision(revision), count, string(b[n+m:])}
	if revision == 0 || p.String() != text {
		return page{}, errPage
	}
	return p, nil
}

// ranging is a request for a range.
type ranging struct {
	kv.Range
	limit int
	page  page
}

func parseRange(c *gin.Context, span kv.Span) (r ranging, bad *client.Problem) {
	r.Span = span
	limit, bad := number(c, "limit", keysDefault)
	if bad != nil {
		return r, bad
	}
	if limit < 1 || limit > keysMost {
		return r, badRequest(fmt.Errorf("parameter limit: %d is not between 1 and %d", limit, keysMost), "")
	}
	revision, bad := number(c, "revision", 0)
	if bad != nil {
		return r, bad
	}
	r.limit, r.Revision = int(limit), kv.Revision(revision)
	var err error
	if r.KeysOnly, err = flag(c, "keys_only"); err != nil {
		return r, badRequest(err, "")
	}
	if r.CountOnly, err = flag(c, "count_only"); err != nil {
		return r, badRequest(err, "")
	}
	text, paged := c.GetQuery("page")
	if !paged {
		return r, nil
	}
	r.page, err = parsePage(text)
	last := r.page.last
	switch {
	case err != nil:
	case r.CountOnly:
		err = errors.New("parameter page: a count has no pages")
	case revision != 0 && r.Revision != r.page.revision:
		err = fmt.Errorf("parameter page: it is of revision %d, not %d", r.page.revision, revision)
	case last < span.Key || span.End != "\x00" && last >= span.End:
		err = errors.New("parameter page: it is of another range")
	}
	if err != nil {
		return r, badRequest(err, "repeat the request of the first page, with &page= and what the last answer said")
	}
	r.Revision, r.Key = r.page.revision, last+"\x00"
	return r, nil
}

func (s *Server) getRange(c *gin.Context, span kv.Span) {
	ask, bad := parseRange(c, span)
	if bad != nil {
		refuse(c, bad)
		return
	}
	saw, ok := s.sight(c)
	if !ok {
		return
	}
	keys, fail := ask.of(saw.View)
	if fail != nil {
		refuseRead(c, saw, fail)
		return
	}
	keys.Freshness = saw.fresh
	reply(c, http.StatusOK, keys)
}

// of reads one page.
func (r ranging) of(view *kv.View) (client.Keys, *kv.Failure) {
	ask := r.Range
	ask.Limit = r.limit
	ask.NoCount = r.page.count != 0 // the first page counted
	if ask.CountOnly {
		ask.Limit = 0
	}
	got, fail := view.Range(ask)
	if fail != nil {
		return client.Keys{}, fail
	}
	keys := client.Keys{Keys: make([]client.KV, 0, len(got.KVs)), Count: paxos.Number(got.Count), More: got.More}
	if r.page.count != 0 {
		keys.Count = paxos.Number(r.page.count)
	}
	size := 0
	for i, one := range got.KVs {
		if size += len(one.Key) + len(one.Value); size > keysBytes && i > 0 {
			keys.More = true
			break
		}
		keys.Keys = append(keys.Keys, shown(one, r.KeysOnly))
	}
	if n := len(keys.Keys); keys.More && n > 0 {
		next := page{revision: r.Revision, count: uint64(keys.Count), last: got.KVs[n-1].Key}
		if next.revision == 0 {
			next.revision = view.Revision()
		}
		keys.Page = next.String()
	}
	return keys, nil
}
