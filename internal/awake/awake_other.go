//go:build !unix

package awake

// Begin does nothing here: no process can begin anew.
func Begin() {}

// Environment is env: whether a program is awake is not known here.
func Environment(env []string) []string { return env }
