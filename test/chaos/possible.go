//go:build linux

package chaos

import (
	"errors"
	"os"
	"slices"

	"paxos/test/chaos/lossfs"
	"paxos/test/netns"
)

// Possible are the kinds of faults that can be done here, and why the others
// cannot; nil if all can. It tries, in a directory.
func Possible(dir string) (kinds []string, why error) {
	cuts := netns.Possible()
	at, disks := os.MkdirTemp(dir, "disk-")
	if disks == nil {
		var d *lossfs.Disk
		if d, disks = lossfs.Mount(at); disks == nil {
			disks = d.Close()
		}
		disks = errors.Join(disks, os.Remove(at))
	}
	kinds = slices.Clone(Faults)
	without := func(failed error, these ...string) {
		if failed != nil {
			kinds = slices.DeleteFunc(kinds, func(k string) bool { return slices.Contains(these, k) })
		}
	}
	without(cuts, "cut")
	without(disks, "disk", "slow", "power")
	return kinds, errors.Join(cuts, disks)
}
