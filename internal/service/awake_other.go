//go:build !unix

package service

// StayAwake does nothing here: no process can begin anew.
func StayAwake() {}
