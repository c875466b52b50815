package main

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"sync"

	"github.com/lni/dragonboat/v4/statemachine"

	"paxos/bench/peers/dragonboat/command"
)

// machine is the replicated state: a map.
type machine struct {
	mu     sync.RWMutex
	values map[string][]byte
}

func newMachine(uint64, uint64) statemachine.IConcurrentStateMachine {
	return &machine{values: map[string][]byte{}}
}

// Update implements statemachine.IConcurrentStateMachine.
func (m *machine) Update(entries []statemachine.Entry) ([]statemachine.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range entries {
		if err := m.apply(entries[i].Cmd); err != nil {
			return nil, fmt.Errorf("entry %d: %w", entries[i].Index, err)
		}
	}
	return entries, nil
}

func (m *machine) apply(cmd []byte) error {
	if len(cmd) == 0 {
		return errors.New("an empty command")
	}
	kind, rest := cmd[0], cmd[1:]
	for len(rest) > 0 {
		var key, value []byte
		var err error
		if key, rest, err = command.Next(rest); err != nil {
			return err
		}
		switch kind {
		case command.Increment:
			n, _ := strconv.ParseInt(string(m.values[string(key)]), 10, 64) // what is no number counts from 0
			value = strconv.AppendInt(nil, n+1, 10)
		case command.Put:
			if value, rest, err = command.Next(rest); err != nil {
				return err
			}
		default:
			return fmt.Errorf("an unknown kind %d of command", kind)
		}
		m.values[string(key)] = value
	}
	return nil
}

// Lookup implements statemachine.IConcurrentStateMachine: the query is a key, and
// the answer its value, nil if there is none. Nothing changes a value in place.
func (m *machine) Lookup(query any) (any, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.values[query.(string)], nil
}

// PrepareSnapshot implements statemachine.IConcurrentStateMachine.
func (m *machine) PrepareSnapshot() (any, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return maps.Clone(m.values), nil
}

// SaveSnapshot implements statemachine.IConcurrentStateMachine.
func (m *machine) SaveSnapshot(prepared any, w io.Writer, _ statemachine.ISnapshotFileCollection, _ <-chan struct{}) error {
	return gob.NewEncoder(w).Encode(prepared.(map[string][]byte))
}

// RecoverFromSnapshot implements statemachine.IConcurrentStateMachine.
func (m *machine) RecoverFromSnapshot(r io.Reader, _ []statemachine.SnapshotFile, _ <-chan struct{}) error {
	values := map[string][]byte{}
	if err := gob.NewDecoder(r).Decode(&values); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values = values
	return nil
}

// Close implements statemachine.IConcurrentStateMachine.
func (m *machine) Close() error { return nil }
