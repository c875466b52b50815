package wal

import (
	"fmt"
	"time"
)

// DefaultSegmentBytes is the size of a segment unless Options say otherwise.
const DefaultSegmentBytes = 16 << 20

// Options of Open; the zero value is fit for an acceptor that is a member.
type Options struct {
	// SegmentBytes is the size of new segments: a multiple of 512, at least
	// 2048; 0 means DefaultSegmentBytes. Existing ones keep their size.
	SegmentBytes int64
	// Create allows a directory without segments to become a new journal.
	// Without it, finding none is damage.
	Create bool
	// AllowUnsafeFS skips CheckFileSystem.
	AllowUnsafeFS bool
	// Inline prepares the next segment within Sync instead of in a goroutine,
	// so that the same calls always make the same operations in the same order.
	Inline bool
	// Now is the clock by which Stats measures; nil means the machine's.
	Now func() time.Time
	// AtBatch, unless nil, is told during Open where the records that replay
	// gets next are kept.
	AtBatch func(Position)
	// Synced, unless nil, is told of every Sync that wrote something how many
	// records it made durable and how long that took. It must not wait.
	Synced func(records int, took time.Duration)
}

func (o Options) complete() (Options, error) {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	if o.SegmentBytes < minSegmentBytes || o.SegmentBytes%SectorBytes != 0 {
		return o, fmt.Errorf("segments of %d bytes: a multiple of %d, at least %d, is needed", o.SegmentBytes, SectorBytes, minSegmentBytes)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// Position is where a batch is kept. Both numbers only grow.
type Position struct {
	Segment uint64
	Batch   uint64
}

// Stats is what a journal has done and holds.
type Stats struct {
	DiskBytes    int64         // the size of all segments
	Segments     int64         // their number, the prepared one included
	WrittenBytes int64         // written by Sync since Open, framing included, zeros up to the end of a page not
	Records      int64         // made durable since Open
	Syncs        int64         // that wrote something, since Open
	LastSync     time.Duration // how long the last of these took
}
