package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"paxos/paxos"
)

// Read gives one page of the values in log order, from a place on: at most
// limit values, 100 when it is 0, at most 10,000. A zero Cursor is the
// beginning. The answer is stale: what one learner has applied; a service asks
// the same learner while that one lives.
func (c *Client) Read(ctx context.Context, from Cursor, limit int) (p Page, err error) {
	query := url.Values{"from": {number(max(1, from.Slot))}}
	if from.Position > 0 {
		query.Set("position", strconv.FormatUint(uint64(from.Position), 10))
	}
	if limit != 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	return p, c.call(ctx, ask{method: http.MethodGet, path: "/read", query: query, repeat: true}, &p)
}

// ReadSlot waits until a slot is applied and gives its values: none if the
// slot holds a no-op or commands of another kind.
func (c *Client) ReadSlot(ctx context.Context, slot paxos.Slot) (p Page, err error) {
	query := url.Values{"slot": {number(slot)}, "limit": {"10000"}}
	return p, c.call(ctx, ask{method: http.MethodGet, path: "/read", query: query, repeat: true, timed: true}, &p)
}

// ReadAll gives all values from a place on that are applied by now, page by
// page; it ends after the first error. It reads on where the last page ended,
// also when another learner answers.
func (c *Client) ReadAll(ctx context.Context, from Cursor) iter.Seq2[Value, error] {
	return func(yield func(Value, error) bool) {
		for {
			page, err := c.Read(ctx, from, 1000)
			if err != nil {
				yield(Value{}, err)
				return
			}
			for _, v := range page.Values {
				if !yield(v, nil) {
					return
				}
			}
			if !page.More || len(page.Values) == 0 {
				return
			}
			from = page.Next
		}
	}
}

// Responses shows the last outcomes that learners reported to the service that
// answers, the oldest first, at most limit of them: 100 when it is 0.
func (c *Client) Responses(ctx context.Context, limit int) (r Responses, err error) {
	query := url.Values{}
	if limit != 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	return r, c.call(ctx, ask{method: http.MethodGet, path: "/get-responses", query: query, repeat: true}, &r)
}

func number[N ~uint64](n N) string { return strconv.FormatUint(uint64(n), 10) }
