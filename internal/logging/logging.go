// Package logging makes the operator's log: logrus, as text on a terminal and
// as JSON otherwise. It is for rare events (start, stop, a peer that cannot be
// reached, a reason not to vote) and is never called on the hot path; protocol
// events are in /view-logs, which internal/node keeps.
package logging

import (
	"io"
	"os"

	"github.com/sirupsen/logrus"
	"golang.org/x/term"

	"paxos/paxos"
)

// New makes a log on w. Level and format are those of the flags.
func New(w io.Writer, level, format string, node paxos.NodeID) (*logrus.Entry, error) {
	log := logrus.New()
	log.SetOutput(w)
	parsed, err := logrus.ParseLevel(level)
	if err != nil {
		return nil, err
	}
	log.SetLevel(parsed)
	if format == "json" || format == "auto" && !terminal(w) {
		log.SetFormatter(&logrus.JSONFormatter{TimestampFormat: "2006-01-02T15:04:05.000Z07:00"})
	} else {
		log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, TimestampFormat: "15:04:05.000"})
	}
	return log.WithField("node", string(node)), nil
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
