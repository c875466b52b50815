package netns_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"paxos/test/netns"
)

func TestACutStopsOneWayAndOneHostOnly(t *testing.T) {
	w := world(t, "one", "two", "three")
	say, heard := map[string]io.Writer{}, map[string]*bufio.Scanner{}
	for _, host := range []string{"one", "two", "three"} {
		say[host], _ = part(t, w, host, "say")
		_, heard[host] = part(t, w, host, "hear")
		if heard[host].Scan(); heard[host].Text() != "ready" {
			t.Fatalf("%s hears nothing: %q", host, heard[host].Text())
		}
	}
	// What is lost is known when a witness, sent later and not cut off, has arrived.
	n := 0
	arrives := func(from, to string, patience time.Duration) bool {
		t.Helper()
		n++
		witness, err := w.Dial(t.Context(), "udp", to+":7000")
		must(t, err)
		text, after := fmt.Sprint("number ", n), fmt.Sprint("after ", n)
		_, err = fmt.Fprintf(say[from], "%s:7000 %s\n", w.Address(to), text)
		must(t, err)
		timer := time.AfterFunc(patience, func() { _, _ = io.WriteString(witness, after) })
		defer func() { timer.Stop(); must(t, witness.Close()) }()
		for heard[to].Scan() {
			if got := heard[to].Text(); got == text || got == after {
				return got == text
			}
		}
		t.Fatalf("%s ended", to)
		return false
	}
	check := func(when string, from, to string, want bool) {
		t.Helper()
		patience := 300 * time.Millisecond
		if want {
			patience = 10 * time.Second // a busy machine must not look like a cut
		}
		if got := arrives(from, to, patience); got != want {
			t.Errorf("%s: what %s sends to %s arrives: %v", when, from, to, got)
		}
	}
	check("whole", "one", "two", true)
	must(t, w.Cut("one", "two"))
	must(t, w.Cut("one", "two"))
	check("cut", "one", "two", false)
	check("cut", "two", "one", true)
	check("cut", "one", "three", true)
	must(t, w.Heal("one", "two"))
	check("healed", "one", "two", true)
	must(t, w.CutAll(netns.Link{From: "one", To: "two"}, netns.Link{From: "two", To: "one"}))
	check("cut both ways", "one", "two", false)
	check("cut both ways", "two", "one", false)
	must(t, w.HealAll())
	check("all healed", "one", "two", true)
	check("all healed", "two", "one", true)
	must(t, w.CutAll(netns.Link{From: "one", To: "two", KeepsAcks: true}))
	check("cut for what is said", "one", "two", false)
	must(t, w.Heal("one", "two"))
	check("healed again", "one", "two", true)
	must(t, w.Isolate("two"))
	check("isolated", "three", "two", false)
	check("isolated", "two", "three", false)
	check("isolated", "one", "three", true)
}

// A stream goes one way for ever only if its confirmations pass.
func TestACutThatKeepsAcksSilencesOneSideOfAStream(t *testing.T) {
	w := world(t, "one", "two")
	_, heard := part(t, w, "two", "drain")
	heard.Scan()
	say, answers := part(t, w, "one", "pour "+w.Address("two").String()+":7001")
	got := make(chan string, 1000)
	go func() {
		for heard.Scan() {
			got <- heard.Text()
		}
	}()
	answered := make(chan string, 1000)
	go func() {
		for answers.Scan() {
			answered <- answers.Text()
		}
	}()
	number := 0
	// lines says some, one after the other has arrived, and reports how many did.
	lines := func(most int, patience time.Duration) int {
		for n := range most {
			number++
			_, err := fmt.Fprintln(say, number)
			must(t, err)
			select {
			case text := <-got:
				if text != fmt.Sprint(number) {
					t.Fatalf("two hears %q, not %d", text, number)
				}
			case <-time.After(patience):
				return n
			}
		}
		return most
	}
	if n := lines(100, 10*time.Second); n != 100 || <-answered != "heard" {
		t.Fatalf("whole: %d lines arrive", n)
	}
	for range 99 {
		<-answered
	}
	must(t, w.CutAll(netns.Link{From: "two", To: "one", KeepsAcks: true}))
	if n := lines(2000, 10*time.Second); n != 2000 {
		t.Errorf("with confirmations %d of 2000 lines arrive", n)
	}
	if len(answered) > 0 {
		t.Errorf("%d answers arrive", len(answered))
	}
	must(t, w.Cut("two", "one"))
	n := lines(5000, 2*time.Second)
	if n == 5000 {
		t.Error("without confirmations a stream goes on")
	}
	t.Logf("without confirmations %d lines arrive", n)
}

func TestAnIsolatedHostIsReachedFromOutsideOnly(t *testing.T) {
	w := world(t, "one", "two")
	part(t, w, "two", "serve")
	get := func() string {
		http := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: w.Dial, DisableKeepAlives: true}}
		for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			response, err := http.Get("http://two/")
			if err == nil {
				text, err := io.ReadAll(response.Body)
				must(t, errors.Join(err, response.Body.Close()))
				return string(text)
			}
			if time.Since(begun) > 10*time.Second {
				t.Fatal(err)
			}
		}
	}
	dial := func(patience time.Duration) error { // bash opens connections by itself
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return w.Command(ctx, "one", "bash", "-c", fmt.Sprintf("</dev/tcp/%s/80", w.Address("two"))).Run()
	}
	if from := get(); !strings.HasPrefix(from, "10.77.0.254:") {
		t.Errorf("the caller comes from %s", from)
	}
	must(t, dial(10*time.Second))
	must(t, w.Isolate("two"))
	get()
	if dial(500*time.Millisecond) == nil {
		t.Error("one reaches two, which is isolated")
	}
	must(t, w.HealAll())
	must(t, dial(10*time.Second))
}
