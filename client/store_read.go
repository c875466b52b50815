package client

import (
	"context"
	"errors"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Prefix is the span of all keys that begin with a text; of all keys if it is
// empty.
func Prefix(prefix string) KeySpan { return KeySpan{Key: prefix, Prefix: true} }

// From is the span of the keys from one up to (not including) end, in the order
// of their bytes; with end "\x00" of all keys from there on, with key "" of all
// keys up to the end.
func From(key, end string) KeySpan { return KeySpan{Key: key, End: end} }

// One is the span of one key.
func One(key string) KeySpan { return KeySpan{Key: key} }

// Get reads a key. ErrNotFound: there is no such key.
func (c *Client) Get(ctx context.Context, key string, opts ...ReadOption) (g Got, err error) {
	path, err := keyPath(key)
	if err != nil {
		return g, err
	}
	err = c.persist(ctx, c.readAsk(path, opts), &g)
	return g, err
}

// Range gives the keys of a span in order, all of them or as many as Limit says,
// as of one revision: that of the first page, which has the consistency that was
// asked for. It ends after the first error.
func (c *Client) Range(ctx context.Context, span KeySpan, opts ...ReadOption) iter.Seq2[KV, error] {
	return func(yield func(KV, error) bool) {
		next, wanted := "", readingOf(opts)
		for left := wanted.most; ; {
			page, err := c.Page(ctx, span, next, append(opts[:len(opts):len(opts)], Limit(wanted.atOnce(left)))...)
			if err != nil {
				yield(KV{}, err)
				return
			}
			for _, kv := range page.Keys {
				if !yield(kv, nil) {
					return
				}
			}
			if left -= len(page.Keys); page.Page == "" || wanted.most > 0 && left <= 0 {
				return
			}
			// What follows is of a revision that is there already: any learner
			// that has it can answer.
			next, opts = page.Page, append(opts[:len(opts):len(opts)], SessionAfter(page.SessionToken))
		}
	}
}

// usualPage is how many keys a page has that nothing is said of.
const usualPage = 1000

// atOnce is the limit of the next page, if so many keys are still wanted: none
// where the page is as large as it is anyway.
func (r reading) atOnce(left int) int {
	if r.most == 0 || left > usualPage && r.page == 0 {
		return 0
	}
	return left
}

// GetPrefix gives the keys that begin with a text, as Range does.
func (c *Client) GetPrefix(ctx context.Context, prefix string, opts ...ReadOption) iter.Seq2[KV, error] {
	return c.Range(ctx, Prefix(prefix), opts...)
}

// Page gives one page of a span, with how many keys there are in all: the first
// one if page is "", else the one that a page before it named.
func (c *Client) Page(ctx context.Context, span KeySpan, page string, opts ...ReadOption) (k Keys, err error) {
	a, err := c.spanAsk(span, opts)
	if err != nil {
		return k, err
	}
	if page != "" {
		a.query.Set("page", page)
	}
	err = c.persist(ctx, a, &k)
	return k, err
}

// Count counts the keys of a span, and gives none of them.
func (c *Client) Count(ctx context.Context, span KeySpan, opts ...ReadOption) (k Keys, err error) {
	a, err := c.spanAsk(span, opts)
	if err != nil {
		return k, err
	}
	a.query.Set("count_only", "")
	err = c.persist(ctx, a, &k)
	return k, err
}

func (c *Client) spanAsk(span KeySpan, opts []ReadOption) (ask, error) {
	path, query, err := span.where()
	if err != nil {
		return ask{}, err
	}
	a := c.readAsk(path, opts)
	for name, values := range query {
		a.query[name] = values
	}
	if span.End == "" && !span.Prefix {
		// One key as a range: from it up to the one that follows it.
		a.query.Set("end", span.Key+"\x00")
	}
	return a, nil
}

// where is the path of a span, and the query that makes it more than one key.
func (s KeySpan) where() (string, url.Values, error) {
	query := url.Values{}
	if s.Prefix && s.End != "" {
		return "", nil, &callError{ErrBadRequest, errors.New("a span has a prefix or an end, not both")}
	}
	if s.Prefix {
		query.Set("prefix", "")
	}
	if s.End != "" {
		query.Set("end", s.End)
	}
	if s.Key == "" && (s.Prefix || s.End != "") {
		return "/kv/", query, nil
	}
	path, err := keyPath(s.Key)
	return path, query, err
}

// keyPath is where a key is.
func keyPath(key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	return "/kv/" + escaped(key), nil
}

func checkKey(key string) error {
	if key == "" || !utf8.ValidString(key) {
		return &callError{ErrBadRequest, errors.New("a key is UTF-8 text, and not empty: " + strconv.QuoteToASCII(key))}
	}
	return nil
}

// escaped is a key as the end of a path. Slashes stand as they are for the sake
// of those who read logs, unless something on the way might tidy them up.
func escaped(key string) string {
	if strings.HasPrefix(key, "/") || strings.Contains(key, "//") {
		return url.PathEscape(key)
	}
	parts := strings.Split(key, "/")
	for i, part := range parts {
		if part == "." || part == ".." {
			parts[i] = strings.ReplaceAll(part, ".", "%2E")
			continue
		}
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}
