// Package quantile counts how long things took, and tells what part of them took
// no longer than what. It is bounded in memory whatever is counted, and merges.
// It is no metric of a node: those are package internal/metrics. Paxosctl's bench
// (package internal/ctl) and the bench against peers (bench/load) count with it.
package quantile

import (
	"math/bits"
	"time"
)

// Histogram counts times in buckets that are at most 1/128 wide, relative to
// their beginning: the error of a percentile is below 0.8 %.
type Histogram struct {
	counts [buckets]uint64
	n      uint64
	most   time.Duration
}

const (
	fine    = 7                            // bits of a value that are kept behind its first one
	widest  = 40                           // bits of the largest value, 18 minutes
	buckets = (widest - fine + 1) << fine  // the last bucket has all that is larger
	largest = time.Duration(1)<<widest - 1 // of a value that has its own bucket
)

// Add counts a time.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(min(d, largest))]++
	h.n++
	h.most = max(h.most, d)
}

// bucket is exact below 2^(fine+1); above, a value is told by its fine+1 highest
// bits.
func bucket(d time.Duration) int {
	v := uint64(d)
	shift := max(bits.Len64(v)-fine-1, 0)
	return shift<<fine + int(v>>shift)
}

// top is the largest value of a bucket.
func top(i int) time.Duration {
	shift := max(i>>fine-1, 0)
	return time.Duration(uint64(i-shift<<fine+1)<<shift - 1)
}

// Merge adds all that another one counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.n += other.n
	h.most = max(h.most, other.most)
}

// Count is how many times were added.
func (h *Histogram) Count() uint64 { return h.n }

// Max is the longest one, exactly.
func (h *Histogram) Max() time.Duration { return h.most }

// Quantile is the time that so large a part of all did not exceed: 0.99 for p99.
// It is 0 if nothing was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := max(uint64(q*float64(h.n)+0.999999), 1)
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += n; seen >= rank {
			return min(top(i), h.most)
		}
	}
	return h.most
}
