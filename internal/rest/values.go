package rest

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

var valueParameters = []string{"from", "position", "limit", "slot", "timeout"}

// Limits of a page of values: how many, and about how many bytes of them.
const (
	valuesDefault = 100
	valuesMost    = 10000
	valuesBytes   = 8 << 20
)

// valuesAsk is a request for values.
type valuesAsk struct {
	from     paxos.Slot
	position uint32
	limit    int
	slot     paxos.Slot // wait for this one; 0 for none
}

func parseValues(c *gin.Context) (valuesAsk, *client.Problem) {
	from, bad := number(c, "from", 1)
	if bad != nil {
		return valuesAsk{}, bad
	}
	position, bad := number(c, "position", 0)
	if bad != nil {
		return valuesAsk{}, bad
	}
	limit, bad := number(c, "limit", valuesDefault)
	if bad != nil {
		return valuesAsk{}, bad
	}
	slot, bad := number(c, "slot", 0)
	if bad != nil {
		return valuesAsk{}, bad
	}
	switch {
	case position > 1<<32-1:
		return valuesAsk{}, badRequest(fmt.Errorf("parameter position: %d is too large", position), "")
	case limit < 1 || limit > valuesMost:
		return valuesAsk{}, badRequest(fmt.Errorf("parameter limit: %d is not between 1 and %d", limit, valuesMost), "")
	case slot > 1<<62:
		return valuesAsk{}, badRequest(fmt.Errorf("parameter slot: %d is too large", slot), "")
	}
	return valuesAsk{paxos.Slot(from), uint32(position), int(limit), paxos.Slot(slot)}, nil
}

// getValues gives what this learner has applied, in log order: stale, and
// labelled so. With ?slot=N it waits until that slot is applied and gives its
// values.
func (s *Server) getValues(c *gin.Context) {
	ask, bad := parseValues(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	if ask.slot != 0 {
		patience, bad := s.patience(c)
		if bad != nil {
			refuse(c, bad)
			return
		}
		if bad := s.awaitSlot(c.Request.Context(), ask.slot, patience); bad != nil {
			refuse(c, bad)
			return
		}
		if _, given := c.GetQuery("from"); !given {
			ask.from, ask.position = ask.slot, 0
		}
	}
	if view, ok := s.lookAtAll(c); ok {
		reply(c, http.StatusOK, s.valuesPage(view, ask))
	}
}

func (s *Server) valuesPage(view *kv.View, ask valuesAsk) client.Page {
	values, more := view.Values(ask.from, ask.position, ask.limit)
	page := client.Page{Values: make([]client.Value, 0, len(values)), More: more, Applied: view.Applied(),
		Count: paxos.Number(view.Count()), Consistency: stale, Learner: s.settings.ID}
	size := 0
	for i, v := range values {
		if ask.slot != 0 && v.Slot != ask.slot {
			page.More = false
			break
		}
		if size += len(v.Value); size > valuesBytes && i > 0 {
			page.More = true
			break
		}
		page.Values = append(page.Values, client.Value(v))
		page.Next = client.Cursor{Slot: v.Slot, Position: v.Position + 1}
	}
	if len(page.Values) == 0 {
		page.Next = client.Cursor{Slot: ask.from, Position: ask.position}
	}
	return page
}

// awaitSlot waits until a slot is applied.
func (s *Server) awaitSlot(ctx context.Context, slot paxos.Slot, patience time.Duration) *client.Problem {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.loop.Await(ctx, func() bool { return s.Machine.Applied() > slot }); err != nil {
		return problem("not-applied-yet", http.StatusGatewayTimeout, fmt.Sprintf("slot %d is not applied at %s yet", slot, s.settings.ID),
			"ask again, or wait longer with ?timeout=")
	}
	return nil
}
