package metrics_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"paxos/internal/metrics"
)

func scrapeOf(t testing.TB, handler http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("a scrape says %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// TestALookThatDoesNotComeAboutShowsNothingOld: not what was read before, not
// what is read too late.
func TestALookThatDoesNotComeAboutShowsNothingOld(t *testing.T) {
	set := metrics.New("n1", "puppet")
	looks, taken, stuck, last := 0, 0, false, false
	late := make(chan func(), 1)
	g := set.Group(func(read func()) error {
		looks++
		if last {
			read() // while whoever asked gave up
			return errors.New("too late")
		}
		if stuck {
			late <- read
			return errors.New("the loop does not turn")
		}
		read()
		return nil
	})
	g.Answered("paxos_loop_answered", "Whether.")
	g.First(func() { taken++ })
	g.Gauge("paxos_a", "A.", func() float64 { return float64(taken) })
	g.Counters("paxos_b_total", "B.", "kind", func(emit metrics.Emit) { emit("x", 1); emit("y", 2) })
	set.Gauge("paxos_c", "C.", func() float64 { return 3 })
	handler := set.Handler()
	text := scrapeOf(t, handler)
	for _, want := range []string{`paxos_a{node="n1",role="puppet"} 1`, `paxos_b_total{kind="y",node="n1",role="puppet"} 2`, `paxos_loop_answered{node="n1",role="puppet"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("a scrape does not say %s", want)
		}
	}
	if looks != 1 {
		t.Errorf("one scrape took %d looks", looks)
	}
	stuck = true
	text = scrapeOf(t, handler)
	if strings.Contains(text, "paxos_a") || strings.Contains(text, "paxos_b") || !strings.Contains(text, `paxos_loop_answered{node="n1",role="puppet"} 0`) {
		t.Errorf("a loop that is stuck is shown as\n%s", text)
	}
	if !strings.Contains(text, `paxos_c{node="n1",role="puppet"} 3`) {
		t.Error("what needs no look is left out")
	}
	(<-late)()
	stuck, last = false, true
	if text = scrapeOf(t, handler); strings.Contains(text, "paxos_a") || !strings.Contains(text, `paxos_loop_answered{node="n1",role="puppet"} 0`) {
		t.Errorf("a look that failed is shown as\n%s", text)
	}
	last = false
	if text = scrapeOf(t, handler); strings.Count(text, "\npaxos_a{") != 1 || !strings.Contains(text, `paxos_a{node="n1",role="puppet"} 4`) {
		t.Errorf("after a look that came too late a scrape says\n%s", text)
	}
}

// TestWhatNobodyMeasuresIsForgotten: nodes in tests have no metrics.
func TestWhatNobodyMeasuresIsForgotten(_ *testing.T) {
	var count *metrics.Count
	var histogram *metrics.Histogram
	var requests *metrics.Requests
	count.Add(1)
	histogram.Observe(1)
	histogram.Took(time.Second)
	requests.Route("GET", "/").Answered(200, time.Second, false)
}

func TestAnAnswerOfNoClassIsAnother(t *testing.T) {
	set := metrics.New("n1", "puppet")
	requests := set.Requests("paxos_requests_total", "R.", "paxos_request_seconds", "S.")
	handler := set.Handler()
	route := requests.Route("GET", "/x")
	for _, status := range []int{0, 99, 600, -1} {
		route.Answered(status, time.Second, true)
	}
	route.Answered(204, time.Second, false)
	text := scrapeOf(t, handler)
	for _, want := range []string{`paxos_requests_total{class="other",method="GET",node="n1",role="puppet",route="/x"} 4`, `class="2xx",method="GET",node="n1",role="puppet",route="/x"} 1`,
		`paxos_request_seconds_count{method="GET",node="n1",role="puppet",route="/x"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %s:\n%s", want, text)
		}
	}
}

// TestMeasuringAllocatesNothing, once the labels are settled.
func TestMeasuringAllocatesNothing(t *testing.T) {
	set := metrics.New("n1", "puppet")
	counts := set.Counts("paxos_counts_total", "C.", "kind", "x", "y")
	histogram := set.Histogram("paxos_times_seconds", "T.", metrics.Quick)
	route := set.Requests("paxos_requests_total", "R.", "paxos_request_seconds", "S.").Route("GET", "/x")
	route.Answered(200, time.Millisecond, false)
	for what, do := range map[string]func(){
		"a count":     func() { counts[1].Add(3) },
		"a histogram": func() { histogram.Took(time.Millisecond); histogram.Observe(7) },
		"a request":   func() { route.Answered(200, time.Millisecond, false) },
	} {
		if n := testing.AllocsPerRun(1000, do); n != 0 {
			t.Errorf("%s allocates %v times", what, n)
		}
	}
}
