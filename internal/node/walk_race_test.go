//go:build race

package node_test

// stride: the walk has one goroutine; under the race detector, which makes it
// ten times as long, it visits every seventh position.
const stride = 7
