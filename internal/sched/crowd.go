package sched

import "sync/atomic"

// Crowd counts how many commands, or reads, a process deals with at once. A nil
// one counts nothing.
type Crowd struct{ sum, squares atomic.Uint64 }

// Add notes that n were dealt with in one go.
func (c *Crowd) Add(n int) {
	if c != nil && n > 0 {
		c.sum.Add(uint64(n))
		c.squares.Add(uint64(n) * uint64(n))
	}
}

// Size is among how many each of them was, on average, since the last call; 0 if
// there were none.
func (c *Crowd) Size() float64 {
	sum, squares := c.sum.Swap(0), c.squares.Swap(0)
	return float64(squares) / float64(max(sum, 1))
}
