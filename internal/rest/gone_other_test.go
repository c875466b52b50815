//go:build !linux

package rest

import "testing"

func fullListener(t *testing.T) string {
	t.Skip("what a full backlog does is known of Linux only")
	return ""
}
