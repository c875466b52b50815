package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// lasting is a time to live as people say it.
type lasting struct {
	TTL    seconds       `json:"ttl"`
	Millis *paxos.Number `json:"ttl_ms"`
}

// seconds is a duration such as "30s", or a number of seconds.
type seconds struct{ text string }

// UnmarshalJSON implements json.Unmarshaler.
func (t *seconds) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &t.text); err == nil {
		return nil
	}
	n, err := strconv.ParseUint(string(b), 10, 32)
	if err != nil {
		return fmt.Errorf(`field "ttl": %.40s is no duration`, b)
	}
	t.text = strconv.FormatUint(n, 10) + "s"
	return nil
}

// read gives it in ms; 0 if nothing was said.
func (l lasting) read() (paxos.LogTime, error) {
	ms := paxos.LogTime(0)
	switch {
	case l.TTL.text != "" && l.Millis != nil:
		return 0, errors.New("ttl and ttl_ms exclude each other")
	case l.TTL.text != "":
		d, err := time.ParseDuration(l.TTL.text)
		if err != nil || d < 0 {
			return 0, fmt.Errorf("ttl: %.40q is no duration", l.TTL.text)
		}
		ms = paxos.LogTime(d.Milliseconds())
	case l.Millis != nil:
		ms = paxos.LogTime(*l.Millis)
	default:
		return 0, nil
	}
	if ms < kv.MinTTL || ms > kv.MaxTTL {
		return 0, fmt.Errorf("a time to live is from %d to %d ms, not %d", kv.MinTTL, kv.MaxTTL, ms)
	}
	return ms, nil
}

const leaseHint = `for example {"ttl":"30s"}`

// grant makes a lease.
func (s *Server) grant(c *gin.Context) {
	b, bad := body(c, headerLimit)
	if bad != nil {
		refuse(c, bad)
		return
	}
	var ask struct {
		lasting
		Lease kv.LeaseID `json:"lease"`
	}
	err := paxos.StrictJSON(b, &ask)
	var ttl paxos.LogTime
	if err == nil {
		ttl, err = ask.read()
	}
	if err == nil && ttl == 0 {
		err = errors.New(`field "ttl" is missing`)
	}
	if err == nil {
		err = unconditional(c, nowhere...)
	}
	if err != nil {
		refuse(c, badRequest(err, leaseHint))
		return
	}
	s.leased(c, kv.Grant{ID: ask.Lease, TTL: ttl})
}

// pathLease is the lease in the path.
func pathLease(c *gin.Context) (id kv.LeaseID, bad *client.Problem) {
	err := id.UnmarshalText([]byte(c.Param("id")))
	if err == nil && id == 0 {
		err = fmt.Errorf("lease %v stands for none: 16 hexadecimal digits, not all 0, are needed", id)
	}
	if err != nil {
		return 0, badRequest(err, "as the answer to POST /lease says it")
	}
	return id, nil
}

func (s *Server) keepAlive(c *gin.Context) {
	s.onLease(c, func(id kv.LeaseID) any { return kv.KeepAlive{ID: id} })
}

func (s *Server) revoke(c *gin.Context) {
	s.onLease(c, func(id kv.LeaseID) any { return kv.Revoke{ID: id} })
}

func (s *Server) onLease(c *gin.Context, command func(kv.LeaseID) any) {
	id, bad := pathLease(c)
	if bad == nil {
		if err := unconditional(c, nowhere...); err != nil {
			bad = badRequest(err, "")
		}
	}
	if bad != nil {
		refuse(c, bad)
		return
	}
	s.leased(c, command(id))
}

func (s *Server) leased(c *gin.Context, command any) {
	d, ok := s.write(c, command)
	if !ok {
		return
	}
	out := client.Leased{Revision: paxos.Number(d.Revision), Command: d.command}
	if l := d.Lease; l != nil {
		out.Lease = client.Lease{ID: l.ID, TTL: int64(l.TTL), Remaining: int64(l.TTL), Keys: l.Keys}
	}
	if gone, revoked := command.(kv.Revoke); revoked {
		out.ID, out.Remaining = gone.ID, 0
	}
	reply(c, http.StatusOK, out)
}

// getLeases lists leases, at a learner.
func (s *Server) getLeases(c *gin.Context) {
	saw, ok := s.sight(c)
	if !ok {
		return
	}
	list := saw.Leases()
	if list == nil {
		list = []kv.LeaseID{}
	}
	reply(c, http.StatusOK, client.Leases{Leases: list, Freshness: saw.fresh})
}

// aLease is a lease, and how fresh that is.
type aLease struct {
	client.Lease
	client.Freshness
}

// getLease tells of one lease, at a learner.
func (s *Server) getLease(c *gin.Context) {
	id, bad := pathLease(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	saw, ok := s.sight(c)
	if !ok {
		return
	}
	l, there := saw.Lease(id)
	if !there {
		refuse(c, problem("no-lease", http.StatusNotFound, fmt.Sprintf("there is no lease %v", id), "it has ended, or never was"))
		return
	}
	var now paxos.LogTime
	if !s.look(c, func() { now = s.Learner.LogTime() }) {
		return
	}
	left := int64(0)
	if now < l.Due {
		left = int64(l.Due - now)
	}
	reply(c, http.StatusOK, aLease{client.Lease{ID: id, TTL: int64(l.TTL), Remaining: min(left, int64(l.TTL)), Keys: l.Keys}, saw.fresh})
}
