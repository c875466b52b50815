package gossip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/memberlist"

	"paxos/paxos"
)

// Hint is who leads, in the eyes of one node. The zero Hint is "nobody known".
type Hint struct {
	Leader paxos.NodeID `json:"leader"`
	Ballot paxos.Ballot `json:"ballot"`
}

// check keeps the hint within the size that the metadata has room for.
func (h Hint) check() error {
	for _, id := range []paxos.NodeID{h.Leader, h.Ballot.Proposer} {
		if id == "" {
			continue
		}
		if err := paxos.CheckNodeID(id); err != nil {
			return err
		}
	}
	return nil
}

// A card is what a process tells about itself: its metadata in memberlist.
type card struct {
	ID      paxos.NodeID
	Role    paxos.RoleName
	REST    string
	Started uint64 // milliseconds since 1970, by the process's own clock
	Hint    Hint
}

// cardVersion is the first byte of every card. A card of another version is
// not guessed at: its process stays out of the address book.
const cardVersion = 1

var roles = []paxos.RoleName{paxos.AcceptorRole, paxos.ClientRole, paxos.LearnerRole, paxos.ProposerRole}

func (c card) encode() []byte {
	b := []byte{cardVersion}
	b = appendText(b, string(c.ID))
	b = appendText(b, string(c.Role))
	b = appendText(b, c.REST)
	b = binary.AppendUvarint(b, c.Started)
	b = appendText(b, string(c.Hint.Leader))
	b = binary.AppendUvarint(b, uint64(c.Hint.Ballot.Number))
	b = appendText(b, string(c.Hint.Ballot.Proposer))
	return binary.BigEndian.AppendUint64(b, uint64(c.Hint.Ballot.Start))
}

func decodeCard(b []byte) (card, error) {
	if len(b) == 0 {
		return card{}, errors.New("the metadata is empty")
	}
	if b[0] != cardVersion {
		return card{}, fmt.Errorf("the metadata has version %d, this node reads version %d", b[0], cardVersion)
	}
	r := reader{rest: b[1:]}
	c := card{
		ID:      paxos.NodeID(r.text()),
		Role:    paxos.RoleName(r.text()),
		REST:    r.text(),
		Started: r.number(),
		Hint: Hint{
			Leader: paxos.NodeID(r.text()),
			Ballot: paxos.Ballot{Number: paxos.Number(r.number()), Proposer: paxos.NodeID(r.text()), Start: paxos.StartID(r.fixed())},
		},
	}
	if r.bad || len(r.rest) > 0 {
		return card{}, fmt.Errorf("the metadata (%d bytes) is garbled", len(b))
	}
	return c, c.check()
}

// check holds for our own card and for those of others: what is refused at our
// start is not believed when it comes over the wire.
func (c card) check() error {
	if err := paxos.CheckNodeID(c.ID); err != nil {
		return err
	}
	if !slices.Contains(roles, c.Role) {
		return fmt.Errorf("role %q: one of %q is needed", string(c.Role), roles)
	}
	if err := checkREST(c.REST); err != nil {
		return err
	}
	return c.Hint.check()
}

func checkREST(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("REST address %q: host:port is needed", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("REST address %q: a port from 1 to 65535 is needed", address)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		return fmt.Errorf("REST address %q: others need a host that they can reach", address)
	}
	return nil
}

// checkSize makes sure that the card fits with the longest hint that it may
// ever carry: memberlist panics on metadata over its limit, at any update.
func (c card) checkSize() error {
	longest := paxos.NodeID(strings.Repeat("x", 63))
	c.Hint = Hint{longest, paxos.Ballot{Number: math.MaxUint64, Proposer: longest}}
	if n := len(c.encode()); n > memberlist.MetaMaxSize {
		return fmt.Errorf("the metadata of this node may grow to %d bytes and only %d travel: its REST address has %d bytes, shorten it by %d",
			n, memberlist.MetaMaxSize, len(c.REST), n-memberlist.MetaMaxSize)
	}
	return nil
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// reader takes a card apart; once bad it gives zeroes.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return ""
	}
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	return text
}

func (r *reader) fixed() uint64 {
	if len(r.rest) < 8 {
		r.bad, r.rest = true, nil
		return 0
	}
	n := binary.BigEndian.Uint64(r.rest)
	r.rest = r.rest[8:]
	return n
}
