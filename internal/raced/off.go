//go:build !race

package raced

// On reports that the program was built with the race detector.
const On = false
