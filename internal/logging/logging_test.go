package logging_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paxos/internal/logging"
)

func TestJSONUnlessItIsATerminal(t *testing.T) {
	for _, format := range []string{"json", "auto"} {
		var b bytes.Buffer
		log, err := logging.New(&b, "info", format, "acceptor1")
		if err != nil {
			t.Fatal(err)
		}
		log.WithField("peer", "learner1").Info("hello <&>")
		var line struct{ Level, Msg, Node, Peer, Time string }
		if err := json.Unmarshal(b.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v: %s", format, err, b.Bytes())
		}
		if line.Level != "info" || line.Msg != "hello <&>" || line.Node != "acceptor1" || line.Peer != "learner1" {
			t.Errorf("%s: %s", format, b.Bytes())
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000Z07:00", line.Time); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestTextIsForPeople(t *testing.T) {
	var b bytes.Buffer
	log, err := logging.New(&b, "info", "text", "acceptor1")
	if err != nil {
		t.Fatal(err)
	}
	log.Warn("two words")
	for _, part := range []string{"level=warning", `msg="two words"`, "node=acceptor1"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("%q is not in %s", part, b.String())
		}
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	log, err := logging.New(f, "info", "auto", "acceptor1")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("hello")
	if b, err := os.ReadFile(f.Name()); err != nil || !json.Valid(b) {
		t.Errorf("%s %v", b, err)
	}
}

func TestOnlyWhatTheLevelAllowsIsLogged(t *testing.T) {
	for level, want := range map[string]int{"debug": 4, "info": 3, "warn": 2, "error": 1} {
		var b bytes.Buffer
		log, err := logging.New(&b, level, "json", "acceptor1")
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("d")
		log.Info("i")
		log.Warn("w")
		log.Error("e")
		if got := strings.Count(b.String(), "\n"); got != want {
			t.Errorf("%s: %d lines, not %d", level, got, want)
		}
	}
	if _, err := logging.New(&bytes.Buffer{}, "loud", "json", "acceptor1"); err == nil {
		t.Error("an unknown level is taken")
	}
}
