package kv

import (
	"fmt"
	"strconv"
	"strings"

	"paxos/paxos"
)

// Value is a value of the log of values, and where in the log it took effect.
type Value struct {
	Slot     paxos.Slot `json:"slot"`
	Position uint32     `json:"position"`
	Value    string     `json:"value"`
}

// The log of values is keys like any others, named after slot and position so
// that they stand in the log's order.
const (
	valuePrefix = "values/"
	valueLength = len(valuePrefix) + 20 + 1 + 6
)

func valueKey(slot paxos.Slot, position uint32) string {
	return fmt.Sprintf("%s%020d-%06d", valuePrefix, uint64(slot), position)
}

// isValue reports whether a key is of exactly that form; others below the
// prefix are no business of the log of values.
func isValue(key string) bool {
	if len(key) != valueLength || !strings.HasPrefix(key, valuePrefix) {
		return false
	}
	for i := len(valuePrefix); i < valueLength; i++ {
		if i == valueLength-7 {
			if key[i] != '-' {
				return false
			}
		} else if key[i] < '0' || key[i] > '9' {
			return false
		}
	}
	return key[len(valuePrefix):valueLength-7] <= "18446744073709551615" // the last slot
}

// Values gives at most limit values in log order, from the given slot and
// position on, and reports whether more follow.
func (v *View) Values(slot paxos.Slot, position uint32, limit int) (page []Value, more bool) {
	span := Span{valueKey(slot, position), Prefix(valuePrefix).End}
	v.each(span, func(c *change) bool {
		if !isValue(c.Key) {
			return true
		}
		if len(page) >= limit {
			more = true
			return false
		}
		page = append(page, valueOf(c))
		return true
	})
	return page, more
}

func valueOf(c *change) Value {
	at := c.Key[len(valuePrefix):]
	slot, _ := strconv.ParseUint(at[:20], 10, 64)
	position, _ := strconv.ParseUint(at[21:], 10, 32)
	return Value{paxos.Slot(slot), uint32(position), c.Value}
}

// Count is how many values there are.
func (v *View) Count() int { return v.values }
