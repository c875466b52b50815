package load

import (
	"sync/atomic"
	"time"
)

// pace says when the next operation is due. It does not wait for those that are
// late: whoever comes then finds moments that are past.
type pace struct {
	begin time.Time
	every float64 // nanoseconds
	n     atomic.Int64
}

func newPace(rate float64, begin time.Time) *pace {
	return &pace{begin: begin, every: float64(time.Second) / rate}
}

func (p *pace) next() time.Time {
	return p.begin.Add(time.Duration(float64(p.n.Add(1)-1) * p.every))
}
