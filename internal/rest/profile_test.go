package rest

import (
	"net/http"
	"strings"
	"testing"
)

func TestProfilesAreThereForWhoAsksForThem(t *testing.T) {
	book := newBook()
	n := start(t, book, "client1", "--pprof")
	for path, want := range map[string]string{"/": "goroutine", "/goroutine?debug=1": "goroutine profile:", "/cmdline": "rest", "/profile?seconds=1": "\x1f\x8b"} {
		r, b := n.call(t, http.MethodGet, "/debug/pprof"+path, nil)
		if r.StatusCode != http.StatusOK || !strings.Contains(string(b), want) {
			t.Errorf("%s: %d, without %q", path, r.StatusCode, want)
		}
	}
	without := start(t, book, "client2")
	if r, _ := without.call(t, http.MethodGet, "/debug/pprof/", nil); r.StatusCode != http.StatusNotFound {
		t.Errorf("nobody asked for profiles, and they are there: %d", r.StatusCode)
	}
}
