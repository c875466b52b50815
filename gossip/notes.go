package gossip

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
)

// Log is the operator's log; *logrus.Entry and *logrus.Logger are one.
type Log interface {
	Debugf(format string, args ...any)
	Infof(format string, args ...any)
	Warnf(format string, args ...any)
}

type level int

const (
	debug level = iota
	info
	warn
)

type note struct {
	level level
	text  string
}

// notes carry lines from memberlist's callbacks to the log. memberlist speaks
// with its locks held, so a slow log must never be waited for: when too many
// lines wait, further ones are counted and dropped.
type notes struct {
	log   Log // nil: nothing is logged
	lines chan note
	lost  atomic.Int64
}

func newNotes(log Log) *notes { return &notes{log: log, lines: make(chan note, 256)} }

func (n *notes) debugf(format string, args ...any) { n.put(debug, fmt.Sprintf(format, args...)) }
func (n *notes) infof(format string, args ...any)  { n.put(info, fmt.Sprintf(format, args...)) }
func (n *notes) warnf(format string, args ...any)  { n.put(warn, fmt.Sprintf(format, args...)) }

func (n *notes) put(l level, text string) {
	if n.log == nil {
		return
	}
	select {
	case n.lines <- note{l, text}:
	default:
		n.lost.Add(1)
	}
}

// Write takes a line of memberlist's own. Its debug and info are chatter; its
// warnings and errors are warnings here: discovery tries again, and a peer
// that does not answer is not an error of this node.
func (n *notes) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	if strings.Contains(text, mirrorHost) {
		return len(line), nil
	}
	l := debug
	for prefix, at := range map[string]level{"[DEBUG] ": debug, "[INFO] ": debug, "[WARN] ": warn, "[ERR] ": warn} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			l, text = at, rest
			break
		}
	}
	n.put(l, text)
	return len(line), nil
}

// run writes the lines until stop is closed, and then those that still wait.
func (n *notes) run(stop <-chan struct{}) {
	for {
		select {
		case line := <-n.lines:
			n.write(line)
		case <-stop:
			for len(n.lines) > 0 {
				n.write(<-n.lines)
			}
			return
		}
	}
}

func (n *notes) write(line note) {
	if lost := n.lost.Swap(0); lost > 0 {
		n.log.Warnf("gossip: %d lines were dropped, the log was too slow", lost)
	}
	switch line.level {
	case debug:
		n.log.Debugf("%s", line.text)
	case info:
		n.log.Infof("%s", line.text)
	default:
		n.log.Warnf("%s", line.text)
	}
}
