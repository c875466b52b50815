package load

import (
	"bytes"
	"math/rand/v2"
	"strconv"
)

// Values are texts that say who wrote them, and when in that writer's own order.
// Behind that stand random letters that nothing can compress to less than three
// quarters, and that need no escaping in any protocol.
type Values struct {
	pool []byte
	size int
}

const (
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	poolSize = 1 << 20
	// Smallest is the least that a value can be, so that its beginning has room.
	Smallest = 32
)

// NewValues makes values of so many bytes, Smallest at least.
func NewValues(size int) Values {
	dice := rand.New(rand.NewPCG(1, 2))
	pool := make([]byte, poolSize+max(size, Smallest))
	for i := range pool {
		pool[i] = alphabet[dice.Uint32()>>26]
	}
	return Values{pool, max(size, Smallest)}
}

// Append appends a worker's value of that sequence number.
func (v Values) Append(to []byte, worker int, seq uint64) []byte {
	begin := len(to)
	to = append(strconv.AppendInt(to, int64(worker), 10), '.')
	to = append(strconv.AppendUint(to, seq, 10), '.')
	rest := v.size - (len(to) - begin)
	at := mix(uint64(worker), seq) % poolSize
	return append(to, v.pool[at:at+uint64(rest)]...)
}

// Read gives a value's sequence number; ok is false if it is not one of that
// worker's, whole and unaltered.
func (v Values) Read(value []byte, worker int, scratch []byte) (seq uint64, ok bool) {
	first, rest, _ := bytes.Cut(value, []byte("."))
	second, _, _ := bytes.Cut(rest, []byte("."))
	if n, err := strconv.Atoi(string(first)); err != nil || n != worker {
		return 0, false
	}
	seq, err := strconv.ParseUint(string(second), 10, 64)
	return seq, err == nil && bytes.Equal(v.Append(scratch[:0], worker, seq), value)
}

func mix(a, b uint64) uint64 {
	x := a*0x9e3779b97f4a7c15 ^ b*0xbf58476d1ce4e5b9
	x ^= x >> 29
	x *= 0x94d049bb133111eb
	return x ^ x>>32
}

// key is a worker's key of that number; it suits every peer's rules for names.
func key(worker, n int) string { return "bench/" + strconv.Itoa(worker) + "/" + strconv.Itoa(n) }

// counterKey is the one key that everybody increments.
const counterKey = "bench/counter"
