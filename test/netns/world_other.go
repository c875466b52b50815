//go:build !linux

package netns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os/exec"
)

var errLinux = errors.New("network namespaces are Linux's: on this system no world can be made")

// World is a network; on this system there is none.
type World struct{}

// Possible says why no world can be made here.
func Possible() error { return errLinux }

// New says why no world can be made here, or what is wrong with the names.
func New(prefix string, hosts ...string) (*World, error) {
	return nil, errors.Join(checkNames(prefix, hosts), errLinux)
}

// NewFree says the same.
func NewFree(base string, hosts ...string) (*World, error) { return New(base+"0", hosts...) }

// Address is for Linux.
func (w *World) Address(string) netip.Addr { return netip.Addr{} }

// Command is for Linux.
func (w *World) Command(ctx context.Context, _, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Err = errLinux
	return cmd
}

// Dial is for Linux.
func (w *World) Dial(context.Context, string, string) (net.Conn, error) { return nil, errLinux }

// Cut is for Linux.
func (w *World) Cut(_, _ string) error { return errLinux }

// CutAll is for Linux.
func (w *World) CutAll(...Link) error { return errLinux }

// Isolate is for Linux.
func (w *World) Isolate(string) error { return errLinux }

// Heal is for Linux.
func (w *World) Heal(_, _ string) error { return errLinux }

// HealAll is for Linux.
func (w *World) HealAll() error { return errLinux }

// Close is for Linux.
func (w *World) Close() error { return errLinux }
