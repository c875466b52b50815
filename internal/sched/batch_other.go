//go:build !linux

package sched

import "errors"

// Usual knows nothing here.
func Usual(int) bool { return false }

// Never says so of all errors.
func Never(error) bool { return true }

// Batch is Linux' alone.
func Batch(int, bool) error { return errors.ErrUnsupported }
