package lean

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// asking are requests, and what is said to each here and by net/http.
var asking = func() (all []struct{ text, lean, web string }) {
	add := func(text, lean, web string) { all = append(all, struct{ text, lean, web string }{text, lean, web}) }
	put := func(path, value string) string {
		return fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", path, len(value), value)
	}
	// As long as one buffer, and longer; and with what looks like requests in it.
	page := strings.Repeat("v", smallBytes-len(put("/hot/p", strings.Repeat("v", 4000))))
	page = strings.Repeat("v", 4000) + page
	nested := plainPut + cold + "PUT /hot/n HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n"
	add(plainPut, "PUT /hot/a%2Fb ? timeout=1s | abc", "PUT /hot/a%2Fb?timeout=1s | abc")
	add(cold, "", "DELETE /hot/a | ")
	add(coldPut, "", "PUT /cold | abc")
	add("GET /hot/not HTTP/1.1\r\nHost: x\r\n\r\n", "", "GET /hot/not | ")
	add(put("/hot/p", page), "PUT /hot/p ?  | "+page, "PUT /hot/p | "+page)
	add(put("/cold", page+"2"), "", "PUT /cold | "+page+"2")
	add(put("/hot/not", nested+page), "", "PUT /hot/not | "+nested+page)
	add(chunks, "", "PUT /cold | abc")
	return all
}()

// FuzzALentConnection: whatever is asked in whatever pieces, before or after the
// answers come, each request has its own answer, in order.
func FuzzALentConnection(f *testing.F) {
	s := serve(f)
	f.Add([]byte{1, 0, 1, 0})
	f.Add([]byte{0x81, 0x10, 0x9a, 0x20, 0xff, 0x05, 0x86, 0x00})
	f.Add([]byte{4, 0, 5, 0, 6, 0, 7, 0, 0, 3, 1, 1, 2, 200})
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), 32)]
		u := s.user(t)
		defer func() { _ = u.Close() }()
		must(t, u.SetDeadline(time.Now().Add(patience)))
		wrote := make(chan error, 1)
		heard := make(chan struct{}, len(b))
		go func() { wrote <- converse(u, b, heard) }()
		for i := 0; i+1 < len(b); i += 2 {
			want := asking[b[i]&7]
			r, err := http.ReadResponse(u.in, nil)
			must(t, err)
			body, err := io.ReadAll(r.Body)
			must(t, err)
			heard <- struct{}{}
			said := want.web
			if r.Header.Get("X-Edge") == "lean" {
				said = want.lean
			}
			if string(body) != said || said == "" {
				t.Fatalf("request %d of %x, %.60q, is answered by %s: %.60q", i/2, b, want.text, r.Header.Get("X-Edge"), body)
			}
		}
		must(t, <-wrote)
	})
}

// converse sends the requests that b says: of two bytes, one names the request,
// and whether the answers to all before are waited for, and one where it is cut.
func converse(u *user, b []byte, heard <-chan struct{}) error {
	sent, answered := 0, 0
	for i := 0; i+1 < len(b); i += 2 {
		for ; b[i]&0x80 != 0 && answered < sent; answered++ {
			<-heard
		}
		text := asking[b[i]&7].text
		cut := int(b[i+1]) * len(text) / 255
		for _, piece := range []string{text[:cut], text[cut:]} {
			if piece == "" {
				continue // net.Pipe would give it to a reader, as TCP does not
			}
			if _, err := io.WriteString(u, piece); err != nil {
				return err
			}
		}
		sent++
	}
	return nil
}
