package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"paxos/paxos"
)

// Scenario is all that a run depends on. Times are in microseconds of the
// world, unless they say ticks.
type Scenario struct {
	Seed uint64 `json:"seed"`

	Acceptors int `json:"acceptors"`
	Proposers int `json:"proposers"`
	Learners  int `json:"learners"`
	Clients   int `json:"clients"`
	Users     int `json:"users"`
	// Doomed acceptors may lose their disks for good: never a quorum's.
	Doomed int `json:"doomed"`

	ElectionTicks  int    `json:"election_ticks"`
	HeartbeatTicks int    `json:"heartbeat_ticks"`
	Window         int    `json:"window"`
	Batch          int    `json:"batch"`
	PageBytes      int    `json:"page_bytes"`
	SnapshotSlots  uint64 `json:"snapshot_slots"`
	SegmentBytes   int64  `json:"segment_bytes"`
	ChunkBytes     int    `json:"chunk_bytes"` // of snapshots
	LogBytes       int    `json:"log_bytes"`   // that learners keep for others
	// Bulk is how much longer values are than what tells them apart.
	Bulk int `json:"bulk"`

	Network Network `json:"network"`
	// SyncLeast and SyncMost are how long a disk takes to sync.
	SyncLeast int64 `json:"sync_least"`
	SyncMost  int64 `json:"sync_most"`
	// Drift is by how many percent clocks run fast or slow, at most.
	Drift int `json:"drift"`
	// Think is how long a user waits between two calls, at most.
	Think int64 `json:"think"`
	// Safety is how long the first phase is; Healing is the bound of the
	// second, in election timeouts; 0 leaves both later phases out.
	Safety  int64 `json:"safety"`
	Healing int   `json:"healing"`

	Faults []Fault `json:"faults"`
}

// Network is how messages travel. Probabilities are in millionths.
type Network struct {
	Least    int64 `json:"least"`
	Most     int64 `json:"most"`
	Lost     int   `json:"lost"`
	Twice    int   `json:"twice"`
	Late     int   `json:"late"`
	LateMost int64 `json:"late_most"`
	// Deaf is how much of what acceptors say learners do not hear, besides.
	Deaf int `json:"deaf"`
	// Gone is how often an acceptor or a client service finds that a proposer's
	// port is closed when it has ended. With it goes that some find so of one
	// that is there.
	Gone int `json:"gone"`
}

const (
	// tick is the time between two ticks of a true clock.
	tick = 100 * 1000
	// tickMillis is the same, as the rooms are told it.
	tickMillis = tick / 1000
	second     = int64(time.Second / time.Microsecond)
	million    = 1_000_000
)

// Draw gives the scenario of a seed. Each draws its own cluster, its own
// network and its own mixture of faults, and leaves most kinds of fault out:
// what many kinds together hide, few show (Groce et al., Swarm Testing, ISSTA
// 2012, section 2).
func Draw(seed uint64) Scenario {
	d := rand.New(rand.NewPCG(seed, 0x5ca1ab1e))
	s := Scenario{
		Seed: seed, Acceptors: oneOf(d, 3, 3, 3, 3, 5, 5, 1), Proposers: 1 + d.IntN(4), Learners: oneOf(d, 2, 2, 3, 3, 1), Clients: 1 + d.IntN(2), Users: 1 + d.IntN(6),
		ElectionTicks: 5 + d.IntN(6), HeartbeatTicks: 1 + d.IntN(2), Window: oneOf(d, 1, 2, 8, 64), Batch: oneOf(d, 1, 4, 64),
		PageBytes: oneOf(d, 100, 600, 1<<20), SnapshotSlots: uint64(oneOf(d, 7, 15, 40, 1000)), SegmentBytes: int64(oneOf(d, 2048, 4096, 16384)), ChunkBytes: oneOf(d, 200, 1000, 8000),
		LogBytes: oneOf(d, 1<<12, 1<<18, 1<<18), Bulk: oneOf(d, 0, 0, 0, 0, 0, 0, 0, 1500),
		SyncLeast: 100, SyncMost: int64(oneOf(d, 500, 10_000, 150_000)), Drift: oneOf(d, 0, 5, 30), Think: int64(oneOf(d, 60_000, 250_000, 800_000)),
		Safety: (20 + d.Int64N(30)) * second, Healing: healing,
	}
	if d.IntN(2) == 0 {
		s.Doomed = (s.Acceptors - 1) / 2
	}
	n := &s.Network
	n.Least = 100 + d.Int64N(2000)
	n.Most = n.Least + int64(oneOf(d, 500, 5_000, 50_000))
	if d.IntN(2) == 0 {
		n.Lost = oneOf(d, 1_000, 20_000, 150_000)
	}
	if d.IntN(2) == 0 {
		n.Twice = oneOf(d, 5_000, 50_000, 200_000)
	}
	if d.IntN(2) == 0 {
		n.Late, n.LateMost = oneOf(d, 2_000, 20_000, 100_000, 400_000), int64(s.ElectionTicks)*tick*int64(1+d.IntN(10))
	}
	if d.IntN(8) == 0 {
		n.Deaf = oneOf(d, 300_000, 600_000)
	}
	s.drawFaults(d)
	if d.IntN(3) > 0 {
		n.Gone = oneOf(d, 300_000, 900_000, million)
	}
	return s
}

// healing is the bound of the second phase, in election timeouts: the longest
// random wait after many failed elections is 16 of them (proposer/elect.go).
const healing = 60

func oneOf(d *rand.Rand, list ...int) int { return list[d.IntN(len(list))] }

// Configuration is the cluster's.
func (s *Scenario) Configuration() paxos.Configuration {
	return paxos.Configuration{Acceptors: ids(paxos.AcceptorRole, s.Acceptors), Learners: ids(paxos.LearnerRole, s.Learners)}
}

// electionTimeout is by a true clock.
func (s *Scenario) electionTimeout() int64 { return int64(s.ElectionTicks) * tick }

// Parse reads a scenario in its JSON form, strictly.
func Parse(text []byte) (s Scenario, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("this is no scenario: %w", err)
	}
	least := min(s.Acceptors, s.Proposers, s.Learners, s.Clients, s.Users, s.ElectionTicks, s.HeartbeatTicks, s.Window, s.Batch, s.PageBytes, s.ChunkBytes, s.LogBytes)
	if least < 1 || s.Network.Most < s.Network.Least || s.SyncMost < s.SyncLeast || s.Think < 1 || s.Safety < 1 {
		return s, errors.New("this is no scenario: every kind of node, and every time and size, must be positive")
	}
	return s, nil
}
