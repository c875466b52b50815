package sim

import "math/rand/v2"

// Fault is something that is done to the world at a time. Host and Other number
// the hosts that it is done to, in the order acceptors, proposers, learners,
// clients; numbers beyond the last begin again.
type Fault struct {
	At    int64     `json:"at"`
	Kind  FaultKind `json:"kind"`
	Host  int       `json:"host"`
	Other int       `json:"other,omitempty"`
	For   int64     `json:"for,omitempty"` // how long it lasts, or the node is away
	Dice  uint64    `json:"dice,omitempty"`
}

// FaultKind is what is done.
type FaultKind string

// The kinds of fault.
const (
	Kill       FaultKind = "kill"        // a process ends at once; its disk is as it left it
	Power      FaultKind = "power"       // a host loses its power: dice choose what of the unsynced survives
	Blackout   FaultKind = "blackout"    // all acceptors and learners lose their power at once
	MidWrite   FaultKind = "mid-write"   // the power fails in the middle of a coming disk operation
	AfterSync  FaultKind = "after-sync"  // killed after a sync, when a part of what it would say has left
	Pause      FaultKind = "pause"       // a process stands still, and then goes on as if nothing had been
	CutOneWay  FaultKind = "cut-one-way" // nothing passes from a host to another
	CutBoth    FaultKind = "cut"         // nothing passes between two hosts
	Isolate    FaultKind = "isolate"     // nothing passes between a host and all others
	Split      FaultKind = "split"       // nothing passes between two groups
	Bridge     FaultKind = "bridge"      // the same, but for one host that hears both
	SlowLink   FaultKind = "slow-link"   // what passes between two hosts takes long
	SlowHost   FaultKind = "slow-host"   // what passes between a host and all others takes up to six election timeouts
	ClockJump  FaultKind = "clock-jump"  // a process' clock is set ahead
	DiskError  FaultKind = "disk-error"  // a coming disk operation fails
	SyncError  FaultKind = "sync-error"  // a coming sync fails
	NoSpace    FaultKind = "no-space"    // a coming write finds the disk full, and writes a part
	AlmostFull FaultKind = "almost-full" // an acceptor is told that its disk has little room left
	Stall      FaultKind = "stall"       // a sync takes very long
	Twin       FaultKind = "twin"        // a second process of a proposer or client service runs beside the first
	HandOver   FaultKind = "hand-over"   // a proposer is stopped in an orderly way
	Lies       FaultKind = "lies"        // discovery names wrong leaders and leaves nodes out
	BitFlip    FaultKind = "bit-flip"    // a bit on a doomed disk is another one
	EmptyDisk  FaultKind = "empty-disk"  // a doomed disk is replaced by an empty one
	OtherDisk  FaultKind = "other-disk"  // a doomed disk is replaced by a copy of another node's
)

// mixture is how often each kind comes, beside the others, if a seed has it.
var mixture = []struct {
	kind   FaultKind
	weight int
}{
	{Kill, 12}, {Power, 12}, {Blackout, 3}, {MidWrite, 8}, {AfterSync, 8}, {Pause, 8}, {CutOneWay, 8}, {CutBoth, 8}, {Isolate, 6}, {Split, 4}, {Bridge, 3},
	{SlowLink, 4}, {SlowHost, 6}, {ClockJump, 4}, {DiskError, 3}, {SyncError, 3}, {NoSpace, 2}, {AlmostFull, 2}, {Stall, 4}, {Twin, 3}, {HandOver, 4}, {Lies, 3},
	{BitFlip, 1}, {EmptyDisk, 1}, {OtherDisk, 1},
}

// FaultKinds are all kinds, in the order of the list above.
func FaultKinds() (list []FaultKind) {
	for _, m := range mixture {
		list = append(list, m.kind)
	}
	return list
}

// drawFaults plans faults over the first phase: of some kinds only, with random
// pauses between them.
func (s *Scenario) drawFaults(d *rand.Rand) {
	var list []FaultKind
	kept := 20 + d.IntN(60) // percent of the kinds
	for _, m := range mixture {
		if d.IntN(100) < kept {
			for range m.weight {
				list = append(list, m.kind)
			}
		}
	}
	if len(list) == 0 {
		return
	}
	hosts := s.Acceptors + s.Proposers + s.Learners + s.Clients
	pause := int64(oneOf(d, 150, 350, 1000)) * 1000
	longest := int64(oneOf(d, 1, 3, 8)) * second
	for at := second; at < s.Safety; at += 1 + d.Int64N(2*pause) {
		s.Faults = append(s.Faults, Fault{At: at, Kind: list[d.IntN(len(list))], Host: d.IntN(hosts), Other: d.IntN(hosts), For: 1 + d.Int64N(longest), Dice: d.Uint64()})
	}
}
