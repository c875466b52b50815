package gossip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Join meets the processes at the given host:port addresses or names, all
// addresses of a name, once; it waits for up to 2 s for each. It gives how many
// answered; the error is nil if any did, and otherwise says what was wrong with
// each. Seeds are joined without it.
func (g *Gossip) Join(hosts []string) (int, error) {
	if len(hosts) == 0 {
		return 0, errors.New("gossip: nobody to join: no address was given")
	}
	n, err := g.join(hosts, func(string) bool { return false })
	if n > 0 {
		return n, nil
	}
	return 0, fmt.Errorf("gossip: nobody could be joined: %w", err)
}

// rejoin joins the seeds now and again and again: one join at the start would
// miss seeds that start later, and would not heal a partition.
func (g *Gossip) rejoin() {
	worried := false
	for {
		// Who is alive in the book is in touch already.
		_, err := g.join(g.options.Seeds, g.book.aliveAt)
		alone := g.book.alone()
		switch {
		case g.ctx.Err() != nil:
			return
		case err != nil && alone && !worried:
			g.notes.warnf("gossip: no seed answers yet, trying on: %v", err)
			worried = true
		case err != nil:
			g.notes.debugf("gossip: rejoin: %v", err)
		}
		if !alone {
			worried = false
		}
		wait := g.options.RejoinInterval
		if alone {
			wait = min(wait, retryAlone)
		}
		if !g.sleep(wait) {
			return
		}
	}
}

// join contacts every address of the hosts, except those to skip. The error
// collects what failed, also when others answered.
func (g *Gossip) join(hosts []string, skip func(address string) bool) (int, error) {
	addresses, failed := g.resolve(hosts)
	n := 0
	for _, address := range addresses {
		if skip(address) {
			continue
		}
		if err := g.meet(address); err != nil {
			failed = append(failed, err)
			continue
		}
		n++
	}
	return n, sentence(failed)
}

// meet exchanges states with one process.
func (g *Gossip) meet(address string) error {
	if g.ctx.Err() != nil {
		return errors.New("gossip has stopped")
	}
	g.exchange.Lock()
	defer g.exchange.Unlock()
	_, err := g.list.Join([]string{address})
	if err == nil {
		return nil
	}
	// memberlist wraps its one error in a list that prints over many lines.
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	if text := err.Error(); strings.HasSuffix(text, ": EOF") || strings.HasSuffix(text, "reset by peer") {
		return fmt.Errorf("%s hung up: it is of another cluster, or no gossip port", address)
	}
	return err
}

// resolve gives the addresses behind the hosts, sorted and each once, and what
// was wrong with the others.
func (g *Gossip) resolve(hosts []string) (addresses []string, failed []error) {
	for _, host := range hosts {
		name, port, err := g.split(host)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		ctx, cancel := context.WithTimeout(g.ctx, lookupTimeout)
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		cancel()
		if err != nil {
			failed = append(failed, fmt.Errorf("%q: %w", host, err))
			continue
		}
		for _, ip := range ips {
			addresses = append(addresses, net.JoinHostPort(ip.Unmap().String(), port))
		}
	}
	slices.Sort(addresses)
	return slices.Compact(addresses), failed
}

func (g *Gossip) split(host string) (name, port string, err error) {
	name, port, err = net.SplitHostPort(host)
	if err != nil {
		// A name or an IP without a port, IPv6 perhaps in brackets.
		name, port = strings.Trim(host, "[]"), strconv.Itoa(g.port)
		if strings.Contains(name, ":") && net.ParseIP(name) == nil {
			return "", "", fmt.Errorf("%q: host:port is needed", host)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("%q: a port from 1 to 65535 is needed", host)
	}
	if name == "" {
		return "", "", fmt.Errorf("%q: a host is needed", host)
	}
	return name, port, nil
}

// sentence puts errors on one line; nil for none.
func sentence(failed []error) error {
	if len(failed) == 0 {
		return nil
	}
	texts := make([]string, len(failed))
	for i, err := range failed {
		texts[i] = err.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}
