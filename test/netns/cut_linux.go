package netns

import (
	"errors"
	"slices"
	"strings"
	"sync"
)

// Cut cuts one way: what from sends no longer arrives at to. Cut twice is cut, in
// the manner of the last time.
func (w *World) Cut(from, to string) error { return w.CutAll(Link{From: from, To: to}) }

// CutAll cuts many ways: all at each host in the same moment, and the hosts one
// shortly after the other.
func (w *World) CutAll(links ...Link) error {
	return w.change(links, true)
}

// Isolate cuts a host off from all others, both ways.
func (w *World) Isolate(host string) error {
	var links []Link
	for _, other := range w.hosts {
		if other != host {
			links = append(links, Link{From: host, To: other}, Link{From: other, To: host})
		}
	}
	return w.change(links, true)
}

// Heal ends a cut; what is whole stays whole.
func (w *World) Heal(from, to string) error { return w.change([]Link{{From: from, To: to}}, false) }

// HealAll ends all cuts.
func (w *World) HealAll() error {
	w.mu.Lock()
	var links []Link
	for l := range w.cut {
		links = append(links, l)
	}
	w.mu.Unlock()
	return w.change(links, false)
}

// change brings the rules of the hosts in line: each has all of its rules
// replaced at once, so that they are never partly old.
func (w *World) change(links []Link, cut bool) error {
	for _, l := range links {
		for _, host := range []string{l.From, l.To} {
			if !slices.Contains(w.hosts, host) {
				return w.stranger(host)
			}
		}
		if l.From == l.To {
			return errors.New("a host cannot be cut off from itself: " + l.From)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	changed := map[string]bool{}
	for _, l := range links {
		if old, is := w.cut[l.way()]; is == cut && (old == l || !cut) {
			continue
		}
		if changed[l.To] = true; cut {
			w.cut[l.way()] = l
		} else {
			delete(w.cut, l.way())
		}
	}
	// Side by side, so that the network breaks as nearly at once as it can.
	failed := make([]error, len(w.hosts))
	var group sync.WaitGroup
	for i, host := range w.hosts {
		if changed[host] {
			group.Go(func() { failed[i] = w.setRules(host) })
		}
	}
	group.Wait()
	return errors.Join(failed...)
}

// setRules tells a host whom it does not hear.
func (w *World) setRules(host string) error {
	var rules strings.Builder
	rules.WriteString("*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n")
	for _, from := range w.hosts {
		l, is := w.cut[Link{From: from, To: host}]
		source := "-A INPUT -s " + w.Address(from).String()
		switch {
		case is && l.KeepsAcks:
			// Whatever is written to a stream ends with a packet that has PSH.
			rules.WriteString(source + " -p tcp --tcp-flags PSH PSH -j DROP\n" + source + " -p udp -j DROP\n")
		case is:
			rules.WriteString(source + " -j DROP\n")
		}
	}
	rules.WriteString("COMMIT\n")
	return ip(rules.String(), "netns", "exec", w.namespace(host), "iptables-restore", "-w")
}
