package sched

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// policies counts the threads of this process by policy.
func policies(t *testing.T) map[uint32]int {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	count := map[uint32]int{}
	for _, e := range threads {
		var id int
		for _, digit := range e.Name() {
			id = 10*id + int(digit-'0')
		}
		if attr, err := unix.SchedGetAttr(id, 0); err == nil {
			count[attr.Policy]++
		}
	}
	return count
}

// thread has a thread of its own until it is told to end.
func thread() (end func()) {
	begun, ends, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // never unlocked: the thread ends with its goroutine
		close(begun)
		<-ends
	}()
	<-begun
	return func() { close(ends); <-ended }
}

func TestAllThreadsWorkInBatchesAndAsUsualAgain(t *testing.T) {
	defer thread()()
	if err := Batch(os.Getpid(), true); Never(err) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	if Usual(os.Getpid()) {
		t.Error("it is as usual")
	}
	for range 4 {
		defer thread()() // begun later
	}
	if got := policies(t); got[usual] != 0 || got[batch] < 5 {
		t.Errorf("in batches: %v", got)
	}
	if err := Batch(os.Getpid(), false); err != nil {
		t.Fatal(err)
	}
	if !Usual(os.Getpid()) {
		t.Error("it is not as usual")
	}
	if got := policies(t); got[batch] != 0 || got[usual] < 5 {
		t.Errorf("as usual: %v", got)
	}
}

// TestAnotherPolicyIsKept: whoever gave it to a process meant it.
func TestAnotherPolicyIsKept(t *testing.T) {
	sleeper := exec.Command("sleep", "60")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	pid := sleeper.Process.Pid
	defer func() { _, _ = sleeper.Process.Kill(), sleeper.Wait() }()
	if !Usual(pid) {
		t.Error("it begins with another one")
	}
	if err := unix.SchedSetAttr(pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0); err != nil {
		t.Fatal(err)
	}
	for _, on := range []bool{true, false} {
		if err := Batch(pid, on); err != nil {
			t.Error(err)
		}
		if attr, err := unix.SchedGetAttr(pid, 0); err != nil || attr.Policy != unix.SCHED_IDLE {
			t.Errorf("in batches %v: %+v, %v", on, attr, err)
		}
	}
}

func TestAProcessThatIsGoneCannotBeChanged(t *testing.T) {
	if Batch(1<<30, true) == nil {
		t.Error("there is no such process")
	}
}
