package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// exitStatus is that of a program which was run, and which said itself what was
// wrong.
type exitStatus int

// Error implements error.
func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// grace is what a program has to end after SIGTERM, before SIGKILL.
const grace = 5 * time.Second

// programOf gives the words after --, and checks those before them.
func programOf(cmd *cobra.Command, args []string, names ...string) (words, program []string, err error) {
	words = args
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		words, program = args[:dash], args[dash:]
		if len(program) == 0 {
			return nil, nil, usage("%s: a command is missing after --", cmd.CommandPath())
		}
	}
	if len(words) > len(names) {
		return nil, nil, usage("%s: %q is not expected; a command goes after --", cmd.CommandPath(), words[len(names)])
	}
	if err := exactly(names...)(cmd, words); err != nil || len(program) == 0 {
		return words, program, err
	}
	// Before a lock is waited for, and not when it is held at last.
	if _, err := exec.LookPath(program[0]); err != nil && !errors.Is(err, exec.ErrDot) {
		return nil, nil, noProgram(program[0], err)
	}
	return words, program, nil
}

// noProgram says that a program cannot be run, with the exit code of a shell.
func noProgram(name string, err error) error {
	var search *exec.Error
	if errors.As(err, &search) {
		err = search.Err
	}
	var look *fs.PathError
	if errors.As(err, &look) {
		err = look.Err // the name is said already
	}
	return failed(ExitNoProgram, "", "%s cannot be run: %w", name, err)
}

// runProgram runs a program until it ends; when ctx does, it is told to end, and
// made to after the grace. The error is its exit status if that is not 0.
func (a *app) runProgram(ctx context.Context, program []string, input io.Reader, environment ...string) error {
	child := exec.CommandContext(ctx, program[0], program[1:]...)
	child.Stdin, child.Stdout, child.Stderr = input, a.Out, a.Err
	child.Env = append(os.Environ(), environment...)
	// At a terminal a group of its own could not read what is typed there, and
	// Ctrl-C would not reach it.
	group := !isTerminal(input)
	child.SysProcAttr = tied(group)
	// The kernel ties it to the thread that starts it: that one must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	child.Cancel = func() error {
		if group {
			return syscall.Kill(-child.Process.Pid, syscall.SIGTERM)
		}
		return child.Process.Signal(syscall.SIGTERM)
	}
	child.WaitDelay = grace
	err := child.Run()
	if group && child.Process != nil && ctx.Err() != nil {
		endGroup(child.Process.Pid)
	}
	var ended *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ended) && ended.Exited():
		return exitStatus(ended.ExitCode())
	case errors.As(err, &ended):
		// As a shell says it.
		if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return exitStatus(128 + int(status.Signal()))
		}
	case child.ProcessState != nil && child.ProcessState.Success():
		return nil // it ended well, although it was told to end
	}
	if child.Process == nil {
		return noProgram(program[0], err)
	}
	return failed(ExitError, "", "%s: %w", program[0], err)
}

// endGroup waits until what a program has started has ended too, and makes it
// after the grace.
func endGroup(group int) {
	late := time.After(grace)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for syscall.Kill(-group, 0) == nil {
		select {
		case <-ticker.C:
		case <-late:
			_ = syscall.Kill(-group, syscall.SIGKILL) // nobody may be left by now
			return
		}
	}
}
