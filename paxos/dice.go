package paxos

// Dice is a small deterministic generator (splitmix64, Steele et al., OOPSLA
// 2014): the rules throw it where Paxos asks for luck, and the same seed gives
// the same luck. It is no source of secrets.
type Dice uint64

// Below gives a number from 0 to n-1; n must be positive.
func (d *Dice) Below(n int) int {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	z ^= z >> 31
	return int(z % uint64(n))
}
