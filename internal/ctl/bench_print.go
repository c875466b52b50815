package ctl

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"paxos/client"
	"paxos/internal/quantile"
)

// The most values that are read back, that are told of those that are lost, and
// that is shown of one of them.
const (
	mostReadBack   = 1000
	mostLostShown  = 20
	mostValueShown = 40
)

// benchTally counts operations of one kind. What ended in the counted time
// counts; how long it took, and what went wrong, counts of all that ended later
// too: a stall at the end is none the shorter for it.
type benchTally struct {
	sync.Mutex
	from, until      time.Time
	count            int
	bytes            int64
	times            quantile.Histogram
	refused, unknown int
	last             error
	done, errs       int // of all
}

func (t *benchTally) begin(from, until time.Time) {
	t.Lock()
	defer t.Unlock()
	t.from, t.until = from, until
}

func (t *benchTally) add(begun, ended time.Time, size int, err error) {
	t.Lock()
	defer t.Unlock()
	early := ended.Before(t.from)
	switch {
	case err != nil:
		t.errs++
		if early {
			return
		}
		t.last = err
		if refusedForCertain(err) {
			t.refused++
		} else {
			t.unknown++
		}
		return
	case !early:
		t.times.Add(ended.Sub(begun))
		if !ended.After(t.until) {
			t.count++
			t.bytes += int64(size)
		}
	}
	t.done++
}

func (t *benchTally) progress() (done, errs int) {
	t.Lock()
	defer t.Unlock()
	return t.done, t.errs
}

func (t *benchTally) merge(o *benchTally) {
	t.count, t.bytes = t.count+o.count, t.bytes+o.bytes
	t.refused, t.unknown = t.refused+o.refused, t.unknown+o.unknown
	t.times.Merge(&o.times)
}

// benched is the result. Rates are of the time that was counted.
type benched struct {
	Prefix  string  `json:"prefix"`
	Clients int     `json:"clients"`
	Keys    int     `json:"keys_per_client"`
	Size    int     `json:"size"`
	Seconds float64 `json:"seconds"`
	// Consistency is that of the reads, absent if there are none.
	Consistency string        `json:"consistency,omitempty"`
	Operations  []benchedKind `json:"operations"` // put, get; of mixed both, and all
	ReadBack    int           `json:"read_back"`  // keys
	Lost        int           `json:"lost"`       // values
	LostValues  []lostValue   `json:"lost_values,omitempty"`
	Kept        bool          `json:"kept"`
	Interrupted bool          `json:"interrupted"`
}

// benchedKind is what is told of operations of one kind.
type benchedKind struct {
	Operation string  `json:"operation"`
	Count     int     `json:"count"`
	PerSecond float64 `json:"per_second"`
	Bytes     int64   `json:"bytes"`
	Megabytes float64 `json:"megabytes_per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	P999      float64 `json:"p99_9_ms"`
	Longest   float64 `json:"longest_ms"`
	Refused   int     `json:"refused"`
	Unknown   int     `json:"unknown"`
}

// lostValue is a key that has not the value that was acknowledged last. Nil: none
// was, or the key was not there.
type lostValue struct {
	Key          string  `json:"key"`
	Acknowledged *string `json:"acknowledged"`
	Read         *string `json:"read"`
}

// String is a sentence.
func (l lostValue) String() string {
	acknowledged, read := "nothing was acknowledged", "it is not there"
	if l.Acknowledged != nil {
		acknowledged = fmt.Sprintf("%q was acknowledged last", *l.Acknowledged)
	}
	if l.Read != nil {
		read = fmt.Sprintf("%q was read", *l.Read)
	}
	return fmt.Sprintf("of %s, %s, and %s", l.Key, acknowledged, read)
}

func shownValue(text string) *string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if runes := []rune(text); len(runes) > mostValueShown {
		text = string(runes[:mostValueShown]) + "…"
	}
	return &text
}

func (t *benchTally) told(operation string, length time.Duration) benchedKind {
	k := benchedKind{Operation: operation, Count: t.count, Bytes: t.bytes, Refused: t.refused, Unknown: t.unknown}
	if length > 0 {
		k.PerSecond = math.Round(float64(t.count)/length.Seconds()*10) / 10
		k.Megabytes = math.Round(float64(t.bytes)/1e3/length.Seconds()) / 1e3
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	k.P50, k.P99, k.P999 = ms(t.times.Quantile(0.5)), ms(t.times.Quantile(0.99)), ms(t.times.Quantile(0.999))
	k.Longest = ms(t.times.Max())
	return k
}

func (b *bench) result(interrupted bool) benched {
	r := benched{Prefix: b.root, Clients: b.benching.clients, Keys: b.keys, Size: b.size, Seconds: b.counted.Seconds(), ReadBack: b.checked,
		Lost: b.count, LostValues: b.lost, Kept: b.keep || b.count > 0, Interrupted: interrupted}
	if b.operation != benchGet {
		r.Operations = append(r.Operations, b.puts.told(benchPut, b.counted))
	}
	if b.operation != benchPut {
		r.Consistency = b.consistency.String()
		r.Operations = append(r.Operations, b.gets.told(benchGet, b.counted))
	}
	if b.operation == benchMixed {
		var all benchTally
		all.merge(&b.puts)
		all.merge(&b.gets)
		r.Operations = append(r.Operations, all.told("all", b.counted))
	}
	return r
}

func (b *bench) printResult(interrupted bool) error {
	r := b.result(interrupted)
	return b.print(r, func(row func(...any)) {
		row("OPERATION", "COUNT", "OP/S", "MB/S", "P50", "P99", "P99.9", "LONGEST", "REFUSED", "UNKNOWN")
		for _, k := range r.Operations {
			row(k.Operation, k.Count, fmt.Sprintf("%.0f", k.PerSecond), fmt.Sprintf("%.1f", k.Megabytes),
				shownTime(k.P50), shownTime(k.P99), shownTime(k.P999), shownTime(k.Longest), k.Refused, k.Unknown)
		}
		row()
		for _, l := range r.LostValues {
			row("LOST: " + l.String())
		}
		row(b.verdict(r))
	})
}

func shownTime(ms float64) string { return fmt.Sprintf("%.2fms", ms) }

// verdict says in a sentence what was compared.
func (b *bench) verdict(r benched) string {
	switch {
	case r.Lost > 0:
		return fmt.Sprintf("%s lost", counted(r.Lost, "acknowledged value"))
	case r.Interrupted:
		return fmt.Sprintf("interrupted after %.1fs: nothing was read back", r.Seconds)
	case b.operation != benchGet && r.ReadBack > 0:
		return fmt.Sprintf("read back, linearizably: the values of %s, and all that was acknowledged is there", counted(r.ReadBack, "key"))
	case b.operation == benchGet && b.consistency == client.Linearizable:
		return "every value that was read is the one that was acknowledged last"
	case b.operation == benchGet:
		return "what such reads give was not compared: it may be old"
	}
	return "nothing was read back"
}
