// Package netns makes small networks of real kernels for tests: a namespace of
// its own for each host, a bridge in another that joins them, and cuts between
// two hosts, each way for itself. Nothing of the machine's own network changes:
// the caller reaches a world from inside, too.
//
// It loses packets and does nothing else to them: it neither delays nor
// duplicates, and it knows nothing of Paxos. It needs root, iproute2 and
// iptables, on Linux; elsewhere New says so. Its neighbours: test/partial cuts
// along topologies with it, test/chaos at random; sim has a network of its own,
// made of dice.
//
// A cut drops what arrives, so a connection that stands across it is not told.
// Over TCP a cut of one way soon silences the other one too: what is sent
// arrives, but is never confirmed, so that after some segments nothing new
// follows, and no new connection is made. Datagrams do go one way for ever. A
// link that KeepsAcks loses what is said and lets confirmations pass: what the
// other side says over TCP then goes on arriving.
package netns

import (
	"errors"
	"fmt"
	"strings"
)

// ErrInUse says that a living process has a world of this prefix.
var ErrInUse = errors.New("a living process has a world of this prefix")

// Link is one direction between two hosts.
type Link struct {
	From, To string
	// KeepsAcks lets TCP's packets without data pass when the link is cut.
	KeepsAcks bool
}

// way is the direction alone.
func (l Link) way() Link { return Link{From: l.From, To: l.To} }

const mostHosts = 250

// checkNames says what is wrong with the names of a world.
func checkNames(prefix string, hosts []string) error {
	if err := checkName("prefix", prefix); err != nil {
		return err
	}
	if len(hosts) == 0 || len(hosts) > mostHosts {
		return fmt.Errorf("%d hosts: 1 to %d fit into a world", len(hosts), mostHosts)
	}
	seen := map[string]bool{bridgeName: true}
	for _, h := range hosts {
		if err := checkName("host", h); err != nil {
			return err
		}
		if seen[h] {
			return fmt.Errorf("host %q: the name is taken", h)
		}
		seen[h] = true
	}
	return nil
}

// bridgeName is the host whose namespace has the bridge.
const bridgeName = "bridge"

func checkName(what, name string) error {
	ok := name != "" && len(name) <= 63 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == "" && name[0] != '-'
	if !ok {
		return fmt.Errorf("%s %q: 1 to 63 letters, digits and hyphens are allowed, and no hyphen first", what, name)
	}
	return nil
}
