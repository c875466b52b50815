package quantile

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestAQuantileIsThatOfTheSortedTimes(t *testing.T) {
	for seed := range uint64(20) {
		dice := rand.New(rand.NewPCG(seed, 1))
		var h, other Histogram
		var all []time.Duration
		for range 1 + dice.IntN(5000) {
			// From nanoseconds to minutes: every width of bucket.
			d := time.Duration(math.Exp(dice.Float64() * 25))
			all = append(all, d)
			if dice.IntN(2) == 0 {
				h.Add(d)
			} else {
				other.Add(d)
			}
		}
		h.Merge(&other)
		slices.Sort(all)
		if h.Count() != uint64(len(all)) || h.Max() != all[len(all)-1] {
			t.Fatalf("seed %d: %d times up to %v, not %d up to %v", seed, h.Count(), h.Max(), len(all), all[len(all)-1])
		}
		for _, q := range []float64{0.001, 0.5, 0.9, 0.99, 0.999, 1} {
			want := all[max(int(math.Ceil(q*float64(len(all)))), 1)-1]
			got := h.Quantile(q)
			if got < want || float64(got-want) > float64(want)/128 {
				t.Errorf("seed %d: of %d times, quantile %v is %v, not %v", seed, len(all), q, got, want)
			}
		}
	}
}

func TestEveryBucketBeginsWhereTheLastOneEnds(t *testing.T) {
	for i := range buckets - 1 {
		if bucket(top(i)) != i || bucket(top(i)+1) != i+1 {
			t.Fatalf("bucket %d ends at %d, which is in %d; the next is in %d", i, top(i), bucket(top(i)), bucket(top(i)+1))
		}
	}
	if top(buckets-1) != largest || bucket(largest) != buckets-1 {
		t.Errorf("the last bucket ends at %d, not at %d", top(buckets-1), largest)
	}
}

func TestTimesOutOfRangeAreCountedAtTheEnds(t *testing.T) {
	var h Histogram
	h.Add(-time.Second)
	h.Add(1000 * time.Hour)
	if h.Count() != 2 || h.Quantile(0.5) != 0 || h.Quantile(1) < largest {
		t.Errorf("%d times, %v to %v", h.Count(), h.Quantile(0.5), h.Quantile(1))
	}
	if (&Histogram{}).Quantile(0.5) != 0 {
		t.Error("a quantile of nothing is something")
	}
}
