//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "chaos: it takes Linux: network namespaces, FUSE, signals of its kernel")
	os.Exit(2)
}
