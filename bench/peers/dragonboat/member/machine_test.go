package main

import (
	"bytes"
	"testing"

	"github.com/lni/dragonboat/v4/statemachine"

	"paxos/bench/peers/dragonboat/command"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func has(t *testing.T, m statemachine.IConcurrentStateMachine, key, want string) {
	t.Helper()
	got, err := m.Lookup(key)
	if err != nil || string(got.([]byte)) != want {
		t.Errorf("%s is %q, %v instead of %q", key, got, err, want)
	}
}

func filled(t *testing.T) statemachine.IConcurrentStateMachine {
	t.Helper()
	m := newMachine(1, 1)
	put := command.Append(command.Append(command.Append(command.Append([]byte{command.Put}, "a"), "1"), "b"), "2")
	increment := command.Append([]byte{command.Increment}, "n")
	_, err := m.Update([]statemachine.Entry{{Cmd: put}, {Cmd: increment}, {Cmd: increment}})
	must(t, err)
	return m
}

func TestCommandsAreApplied(t *testing.T) {
	m := filled(t)
	has(t, m, "a", "1")
	has(t, m, "b", "2")
	has(t, m, "n", "2")
	if got, err := m.Lookup("c"); err != nil || got.([]byte) != nil {
		t.Errorf("a key that nobody wrote is %q, %v", got, err)
	}
	for _, cmd := range [][]byte{nil, command.Append([]byte{9}, "a"), command.Append([]byte{command.Put}, "a")} {
		if _, err := m.Update([]statemachine.Entry{{Cmd: cmd}}); err == nil {
			t.Errorf("%q was applied", cmd)
		}
	}
}

func TestASnapshotIsOfTheMomentOfItsPreparation(t *testing.T) {
	m := filled(t)
	prepared, err := m.PrepareSnapshot()
	must(t, err)
	_, err = m.Update([]statemachine.Entry{{Cmd: command.Append(command.Append([]byte{command.Put}, "a"), "later")}})
	must(t, err)
	var saved bytes.Buffer
	must(t, m.SaveSnapshot(prepared, &saved, nil, nil))
	other := newMachine(1, 2)
	must(t, other.RecoverFromSnapshot(&saved, nil, nil))
	has(t, other, "a", "1")
	has(t, other, "b", "2")
	has(t, m, "a", "later")
}
