package gossip

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"

	"paxos/paxos"
)

// DefaultPort is where nodes gossip unless told otherwise, over TCP and UDP.
const DefaultPort = 7946

const (
	defaultRejoin = 10 * time.Second
	lookupTimeout = 2 * time.Second // of one name in DNS
	streamTimeout = 2 * time.Second // of one state exchange
)

// Options say who this node is and where it finds the others.
type Options struct {
	Node paxos.NodeID
	Role paxos.RoleName
	// Bind is the host:port to listen on, TCP and UDP; port 0 lets the system
	// choose. "" is all IPv4 addresses, DefaultPort.
	Bind string
	// Advertise is the host:port that others are told; port 0 is the port
	// listened on. "" is Bind, or the machine's private address when Bind is
	// 0.0.0.0. A pod advertises its own IP.
	Advertise string
	// REST is the host:port where this node answers HTTP, told to others.
	REST string
	// Label is the cluster's name, at most 255 bytes: packets with another
	// label are ignored.
	Label string
	// Seeds are host:port or DNS names, resolved anew (all their addresses)
	// and joined every RejoinInterval. Without a port, the one of Bind is
	// meant. This node itself may be among them.
	Seeds []string
	// KeyFile is a file with an AES key in base64, of 16, 24 or 32 bytes; ""
	// means no encryption. Nodes without the same key do not hear each other.
	KeyFile string
	// RejoinInterval is 10 s when zero. While nobody else is known, seeds are
	// tried every second, or every RejoinInterval if that is shorter.
	RejoinInterval time.Duration
	// Log is the operator's log; nil logs nothing. It is called from one
	// goroutine of this package and may be slow.
	Log Log
	// Fast notices a failure sooner, for nodes on one machine.
	Fast bool
}

func (o Options) card(now time.Time) card {
	return card{ID: o.Node, Role: o.Role, REST: o.REST, Started: uint64(now.UnixMilli())}
}

func (o Options) check() error {
	c := o.card(time.Now())
	// Size first: an overlong address is told as such, whatever else it is.
	if err := c.checkSize(); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	if n := len(o.Label); n > memberlist.LabelMaxSize {
		return fmt.Errorf("label %.20q… has %d bytes, %d are allowed", o.Label, n, memberlist.LabelMaxSize)
	}
	if o.RejoinInterval < 0 {
		return fmt.Errorf("rejoin interval %v is negative", o.RejoinInterval)
	}
	return nil
}

func (o Options) key() ([]byte, error) {
	if o.KeyFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(o.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("the key cannot be read: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		// The error of base64 is left out: no part of a key belongs in a log.
		return nil, fmt.Errorf("key file %s: base64 of 16, 24 or 32 bytes is needed, this is not base64", o.KeyFile)
	}
	if err := memberlist.ValidateKey(key); err != nil {
		return nil, fmt.Errorf("key file %s: 16, 24 or 32 bytes are needed, this is base64 of %d", o.KeyFile, len(key))
	}
	return key, nil
}

// tuned gives memberlist's settings for one network or for one machine.
func (o Options) tuned() *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.PushPullInterval = 15 * time.Second
	if o.Fast {
		c = memberlist.DefaultLocalConfig()
		c.ProbeInterval = 500 * time.Millisecond
		c.PushPullInterval = 5 * time.Second
		c.SuspicionMaxTimeoutMult = 3 // a suspect is dead after 4.5 s at most, among up to ten nodes
		c.RetransmitMult = 4          // news is as robust as on a network: machines under test are busy
	}
	c.TCPTimeout = streamTimeout
	c.Label = o.Label
	c.EnableCompression = false // our packets are small: it costs more than it saves
	return c
}

// listen opens the sockets. TCP and UDP need the same port, so a port chosen
// by the system for one may be taken for the other: then another is tried.
func listen(o Options, n *notes) (*memberlist.NetTransport, error) {
	bind := o.Bind
	if bind == "" {
		bind = net.JoinHostPort("0.0.0.0", strconv.Itoa(DefaultPort))
	}
	ip, port, err := splitIP(bind)
	if err != nil {
		return nil, fmt.Errorf("bind address: %w", err)
	}
	if ip.IsUnspecified() && ip.Is6() && o.Advertise == "" {
		return nil, fmt.Errorf("bind address %s: an advertised address is needed beside it", bind)
	}
	config := &memberlist.NetTransportConfig{BindAddrs: []string{ip.String()}, BindPort: port, Logger: logger(n)}
	for try := 1; ; try++ {
		t, err := memberlist.NewNetTransport(config)
		if err == nil || port != 0 || try == 10 {
			return t, err
		}
	}
}

// advertised gives what others are told, "" and the port for "as bound".
func advertised(o Options, bound int) (string, int, error) {
	if o.Advertise == "" {
		return "", bound, nil
	}
	ip, port, err := splitIP(o.Advertise)
	if err != nil {
		return "", 0, fmt.Errorf("advertised address: %w", err)
	}
	if ip.IsUnspecified() {
		return "", 0, fmt.Errorf("advertised address %s: others need a host that they can reach", o.Advertise)
	}
	if port == 0 {
		port = bound
	}
	return ip.String(), port, nil
}

// splitIP reads host:port and resolves the host: memberlist takes a name for
// "all addresses" here.
func splitIP(address string) (netip.Addr, int, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("%q: host:port is needed", address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("%q: a port from 0 to 65535 is needed", address)
	}
	if host == "" {
		return netip.IPv4Unspecified(), int(n), nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap(), int(n), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("%q: %w", address, err)
	}
	// Where a name has both kinds, IPv4: "localhost" means the same everywhere.
	at := max(0, slices.IndexFunc(ips, func(ip netip.Addr) bool { return ip.Unmap().Is4() }))
	return ips[at].Unmap(), int(n), nil
}
