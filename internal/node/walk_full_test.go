//go:build !race

package node_test

// stride: every position is walked.
const stride = 1
