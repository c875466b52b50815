package service

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"paxos/acceptor"
	"paxos/client/session"
	"paxos/internal/node"
	"paxos/internal/wal"
	"paxos/kv"
	"paxos/paxos"
	"paxos/proposer"
)

// Sizes and times that follow from the settings, or are nobody's to tune.
const (
	pageBytes        = 1 << 20
	batchBytes       = 1 << 20
	batchCommands    = 4096
	waitingCommands  = 1 << 16
	waitingBytes     = 64 << 20
	resendAfter      = 200 * time.Millisecond
	pullAfter        = 100 * time.Millisecond
	finishAfter      = 500 * time.Millisecond
	reportEvery      = 200 * time.Millisecond
	sendAgainAfter   = 300 * time.Millisecond
	retryAfter       = 30 * time.Millisecond
	abandonAfter     = 10 * time.Minute
	pendingCommands  = 1 << 16
	pendingBytes     = 256 << 20
	touchAfter       = time.Hour // a session that nobody uses for a day of log time ends
	keptOutcomes     = 4096
	surveysPerPeriod = 4
	truncateSlots    = 1 // learners' snapshots are far apart as it is
	reportSnapshots  = time.Second
	choresEvery      = 100 * time.Millisecond
	logBytes         = 32 << 20
)

func random(b []byte) {
	_, _ = rand.Read(b) // never fails (crypto/rand)
}

func random64() uint64 {
	var b [8]byte
	for {
		random(b[:])
		if n := binary.BigEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}

func (r *running) makeRole(ctx context.Context) error {
	switch r.settings.Role {
	case paxos.AcceptorRole:
		return r.makeAcceptor(ctx)
	case paxos.ProposerRole:
		r.makeProposer()
	case paxos.LearnerRole:
		return r.makeLearner(ctx)
	case paxos.ClientRole:
		r.makeSession()
	default:
		return fmt.Errorf("there is no role %q", r.settings.Role)
	}
	return nil
}

func (r *running) makeAcceptor(ctx context.Context) error {
	s := r.settings
	dir, err := r.takeDirectory(ctx)
	if err != nil {
		return err
	}
	disk, found, err := node.OpenDisk(wal.OS(), dir, s.ID, wal.Options{SegmentBytes: s.SegmentBytes, AllowUnsafeFS: s.AllowUnsafe,
		Synced: r.measured.synced()})
	if err != nil {
		return err
	}
	r.disk = disk
	if err := r.trace.Found(found.Identity, found.Records, found.Mute); err != nil {
		return err
	}
	config := acceptor.Config{Node: s.ID, Configuration: s.Configuration(), FreshStore: paxos.StoreID(random64()), PageBytes: pageBytes,
		Starts: paxos.Number(disk.Starts()), Run: paxos.StartID(random64()),
		Snapshots: s.TruncateLearners, TruncateSlots: truncateSlots, Mute: found.Mute}
	random(config.FreshCluster[:])
	a := acceptor.Recover(config, found.Identity, found.Records)
	if why := a.Why(); why != "" {
		r.log.Warnf("this acceptor does not vote: %s", why)
	}
	r.role, r.parts.Acceptor, r.parts.Starts = a, a, disk.Starts
	return nil
}

func (r *running) makeProposer() {
	s := r.settings
	p := proposer.New(proposer.Config{
		Node: s.ID, Configuration: s.Configuration(), Start: paxos.StartID(random64()), Seed: random64(),
		TickMillis: uint64(s.Tick.Milliseconds()), ElectionTicks: s.Ticks(s.Election), HeartbeatTicks: s.Ticks(s.Heartbeat),
		SurveyTicks: s.Ticks(s.Election / surveysPerPeriod), ResendTicks: s.Ticks(resendAfter),
		Window: s.Window, MaxBatch: batchCommands, MaxBatchBytes: max(batchBytes, s.MaxValueBytes),
		MaxWaiting: waitingCommands, MaxWaitingBytes: waitingBytes,
		Frees: func(c paxos.Command) bool { return kv.Frees(c.Body) },
	})
	r.role, r.parts.Proposer = p, p
}

func (r *running) makeSession() {
	s := r.settings
	c := session.New(session.Config{Node: s.ID, Configuration: s.Configuration(), Session: paxos.SessionID(random64()), Seed: random64(),
		SurveyTicks: s.Ticks(pullAfter), ResendTicks: s.Ticks(sendAgainAfter), RetryTicks: s.Ticks(retryAfter),
		AbandonTicks: s.Ticks(abandonAfter), KeptOutcomes: keptOutcomes, MaxPending: pendingCommands, MaxBytes: batchBytes,
		Open: kv.Encode(kv.Open{}), Touch: kv.Encode(kv.Touch{}), TouchTicks: s.Ticks(touchAfter), PendingBytes: pendingBytes})
	r.role, r.parts.Session = c, c
}
