package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"paxos/internal/config"
	"paxos/paxos"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

var roles = []paxos.RoleName{paxos.ProposerRole, paxos.AcceptorRole, paxos.LearnerRole, paxos.ClientRole}

// parse reads flags as a node does: flags, then the environment, then the check.
func parse(role paxos.RoleName, args ...string) (*config.Settings, error) {
	set := pflag.NewFlagSet(string(role), pflag.ContinueOnError)
	set.Bool("version", false, "as cobra adds it")
	s := config.Flags(set, role)
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if err := config.FromEnvironment(set); err != nil {
		return nil, err
	}
	return s, s.Check()
}

func mustParse(t *testing.T, role paxos.RoleName, args ...string) *config.Settings {
	t.Helper()
	s, err := parse(role, args...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// needed are the flags without which a node of this role does not start.
func needed(role paxos.RoleName) []string {
	if role == paxos.AcceptorRole || role == paxos.LearnerRole {
		return []string{"--data", "data"}
	}
	return nil
}

func TestHelpShowsEveryFlagWithItsDefaultAndUnit(t *testing.T) {
	for _, role := range roles {
		set := pflag.NewFlagSet(string(role), pflag.ContinueOnError)
		config.Flags(set, role)
		got := set.FlagUsages()
		file := filepath.Join("testdata", "help-"+string(role)+".txt")
		if *rewrite {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (go test -rewrite writes it anew): %s", file, diff)
		}
		set.VisitAll(func(f *pflag.Flag) {
			if strings.HasSuffix(f.Name, "-bytes") && !strings.Contains(f.Usage, "bytes") {
				t.Errorf("%s: --%s does not say its unit", role, f.Name)
			}
			if f.Usage == "" {
				t.Errorf("%s: --%s says nothing", role, f.Name)
			}
		})
	}
}

func TestTheDefaultsAreGoodForEveryRole(t *testing.T) {
	for _, role := range roles {
		s := mustParse(t, role, needed(role)...)
		if s.ID != paxos.NodeID(role+"1") || s.Advertise != s.Listen || s.Ticks(s.Election) != 40 || s.Ticks(time.Nanosecond) != 1 {
			t.Errorf("%s: %+v", role, s)
		}
		if !strings.HasPrefix(s.GossipListen, "127.0.0.1:1") || s.Configuration().Quorum() != 2 {
			t.Errorf("%s: gossip at %s, quorum %d", role, s.GossipListen, s.Configuration().Quorum())
		}
	}
}

// wrong are flags that a proposer does not take, each with what is said of them.
var wrong = map[string]string{
	"--id=":                           `--id: node id "": 1 to 63 characters are allowed`,
	"--id=a/b":                        "only letters, digits and hyphens",
	"--id=" + strings.Repeat("a", 64): "1 to 63 characters",
	"--id=local-7":                    "--id: local-7 begins with local-",
	"--id=acceptor1":                  "--id: acceptor1 is among --acceptors, and this is a proposer",
	"--id=learner2":                   "--id: learner2 is among --learners, and this is a proposer",
	"--listen=nowhere":                `--listen: "nowhere" is not host:port`,
	"--listen=127.0.0.1:":             `--listen: "127.0.0.1:" has no port between 0 and 65535`,
	"--listen=127.0.0.1:-1":           "has no port between",
	"--listen=127.0.0.1:65536":        "has no port between",
	"--listen=127.0.0.1:60000":        "--gossip-listen is needed: --listen port 60000 + 10000 is no port",
	"--listen=127.0.0.1:0":            `--advertise: "127.0.0.1:0" has no port that others could use`,
	"--advertise=x":                   "--advertise:",
	"--advertise=x:0":                 "--advertise:",
	"--gossip-listen=x":               "--gossip-listen:",
	"--gossip-advertise=x":            "--gossip-advertise:",
	"--acceptors=":                    "at least one acceptor",
	"--acceptors=a,a":                 `--acceptors and --learners: node "a" is named twice`,
	"--acceptors=a/b":                 "only letters, digits and hyphens",
	"--learners=acceptor1":            "is named twice",
	"--peers=x":                       `--peers: "x" is not id=host:port`,
	"--peers=a/b=h:1":                 "--peers: node id",
	"--peers=a=h":                     `--peers: "h" is not host:port`,
	"--peers=a=h:1,a=h:2":             "--peers: a is named twice",
	"--tick=0s":                       "--tick: 0s is not between 1ms and 1s",
	"--tick=2s":                       "--tick: 2s is not between 1ms and 1s",
	"--tick=10":                       "--tick",
	"--heartbeat=1ms":                 "--heartbeat: 1ms is shorter than --tick 10ms",
	"--election-timeout=100ms":        "--election-timeout: 100ms is shorter than four heartbeats of 50ms",
	"--election-timeout=-1s":          "--election-timeout: -1s is shorter",
	"--window=0":                      "--window: 0 is not between 1 and 1024",
	"--window=1025":                   "--window: 1025 is not between 1 and 1024",
	"--window=x":                      "--window",
	"--window=99999999999999999999":   "--window",
	"--max-value-bytes=0":             "--max-value-bytes: 0 is not between 1 and 4194304",
	"--max-value-bytes=4194305":       "--max-value-bytes: 4194305 is not between",
	"--max-key-bytes=63":              "--max-key-bytes: 63 is not between 64 and 65536",
	"--max-key-bytes=65537":           "--max-key-bytes: 65537 is not between",
	"--max-operations=0":              "--max-operations: 0 is not between 1 and 16384",
	"--max-operations=16385":          "--max-operations: 16385 is not between",
	"--segment-bytes=512":             "unknown flag: --segment-bytes",
	"--snapshot-slots=5":              "unknown flag: --snapshot-slots",
	"--request-timeout=1ms":           "--request-timeout: 1ms is not between 10ms and 1h",
	"--request-timeout=2h":            "--request-timeout: 2h0m0s is not between 10ms and 1h",
	"--max-connections=15":            "--max-connections: 15 is less than 16",
	"--log-level=loud":                `--log-level: "loud" is none of debug, info, warn, error`,
	"--log-format=xml":                `--log-format: "xml" is none of auto, text, json`,
	"--local=perhaps":                 "--local",
	"--pprof=perhaps":                 "--pprof",
	"--data=x":                        "unknown flag: --data",
	"--nonsense":                      "unknown flag: --nonsense",
}

// wrongForAcceptors concern the disk.
var wrongForAcceptors = map[string]string{
	"--data=":                    "--data is required",
	"--id=acceptor9":             "--id: acceptor9 is not among --acceptors acceptor1,acceptor2,acceptor3",
	"--id=learner1":              "--id: learner1 is not among --acceptors",
	"--segment-bytes=1000":       "--segment-bytes: 1000 is not a multiple of 512 from 2048 to 1073741824",
	"--segment-bytes=1073742336": "is not a multiple of 512 from 2048 to 1073741824",
	"--segment-bytes=1024":       "--segment-bytes: 1024 is not",
	"--segment-bytes=-512":       "--segment-bytes: -512 is not",
	"--segment-bytes=16MB":       "--segment-bytes",
	"--lock-wait=-1s":            "--lock-wait: -1s is not between 0 and 10m",
	"--lock-wait=11m":            "--lock-wait: 11m0s is not between 0 and 10m",
	"--truncate-learners=-1":     "--truncate-learners: -1 is negative; 0 means that nothing is truncated",
	"--truncate-learners=all":    "--truncate-learners",
	"--disk-limit-bytes=1000000": "--disk-limit-bytes: 1000000 is neither 0 nor at least four segments of 16777216 bytes",
	"--disk-limit-bytes=-1":      "--disk-limit-bytes: -1 is neither",
	"--history-bytes=0":          "unknown flag: --history-bytes",
}

// wrongForLearners concern their snapshots.
var wrongForLearners = map[string]string{
	"--data=":                        "--data is required: the directory where this learner remembers",
	"--id=learner9":                  "--id: learner9 is not among --learners learner1,learner2",
	"--id=acceptor1":                 "--id: acceptor1 is not among --learners",
	"--snapshot-bytes=1023":          "--snapshot-bytes: 1023 is not between 1024 and 1099511627776",
	"--snapshot-bytes=1099511627777": "--snapshot-bytes: 1099511627777 is not between",
	"--snapshot-slots=0":             "--snapshot-slots: 0 is not between 1 and 1099511627776",
	"--snapshot-slots=1099511627777": "--snapshot-slots: 1099511627777 is not between",
	"--snapshot-slots=-1":            "--snapshot-slots",
	"--history-revisions=-1":         "--history-revisions",
	"--lock-wait=11m":                "--lock-wait: 11m0s is not between 0 and 10m",
	"--history-bytes=-1":             "--history-bytes: -1 is negative; 0 means that nothing is compacted",
	"--segment-bytes=1024":           "unknown flag: --segment-bytes",
}

func TestEveryWrongValueIsOneClearSentence(t *testing.T) {
	check := func(role paxos.RoleName, arg, want string) {
		_, err := parse(role, append(needed(role), arg)...)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "%!") {
			t.Errorf("%s %s: %v", role, arg, err)
		}
	}
	for arg, want := range wrong {
		check(paxos.ProposerRole, arg, want)
	}
	for arg, want := range wrongForAcceptors {
		check(paxos.AcceptorRole, arg, want)
	}
	for arg, want := range wrongForLearners {
		check(paxos.LearnerRole, arg, want)
	}
	check(paxos.ClientRole, "--id=learner1", "--id: learner1 is among --learners, and this is a client")
}

func TestEveryFlagIsChecked(t *testing.T) {
	free := []string{"gossip-key-file", "join", "cluster-name", "allow-unsafe-filesystem"} // what gossip or the disk say of them
	all := func(role paxos.RoleName) (names []string) {
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		config.Flags(set, role)
		set.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		return names
	}
	for _, name := range append(all(paxos.AcceptorRole), all(paxos.LearnerRole)...) {
		tested := slices.Contains(free, name)
		for _, table := range []map[string]string{wrong, wrongForAcceptors, wrongForLearners} {
			for arg := range table {
				tested = tested || strings.HasPrefix(arg, "--"+name+"=")
			}
		}
		if !tested {
			t.Errorf("no wrong value of --%s is tested", name)
		}
	}
}

func TestAFlagWinsOverTheEnvironmentAndThatOverTheDefault(t *testing.T) {
	if s := mustParse(t, paxos.ProposerRole); s.Window != 4 {
		t.Errorf("the default is %d", s.Window)
	}
	t.Setenv("PAXOS_WINDOW", "7")
	if s := mustParse(t, paxos.ProposerRole); s.Window != 7 {
		t.Errorf("with the environment it is %d", s.Window)
	}
	if s := mustParse(t, paxos.ProposerRole, "--window", "9"); s.Window != 9 {
		t.Errorf("with a flag it is %d", s.Window)
	}
	// Also when the flag says what the default is.
	if s := mustParse(t, paxos.ProposerRole, "--window", "4"); s.Window != 4 {
		t.Errorf("with a flag it is %d", s.Window)
	}
}

func TestEveryFlagHasAVariable(t *testing.T) {
	for name, value := range map[string]string{
		"PAXOS_ID": "proposer7", "PAXOS_LISTEN": "127.0.0.1:3333", "PAXOS_JOIN": "a:1,b:2", "PAXOS_ACCEPTORS": "x,y,z", "PAXOS_LEARNERS": "l",
		"PAXOS_PEERS": "x=h:1", "PAXOS_TICK": "20ms", "PAXOS_REQUEST_TIMEOUT": "3s", "PAXOS_LOCAL": "true", "PAXOS_GOSSIP_KEY_FILE": "k", "PAXOS_LOG_FORMAT": "json",
	} {
		t.Setenv(name, value)
	}
	s := mustParse(t, paxos.ProposerRole)
	addresses, err := s.Addresses()
	if err != nil {
		t.Fatal(err)
	}
	if s.ID != "proposer7" || s.Listen != "127.0.0.1:3333" || s.GossipListen != "127.0.0.1:13333" || !slices.Equal(s.Join, []string{"a:1", "b:2"}) ||
		s.Configuration().Quorum() != 2 || !s.Configuration().IsAcceptor("y") || addresses["x"] != "h:1" || s.Tick != 20*time.Millisecond ||
		s.RequestTimeout != 3*time.Second || !s.Local || s.GossipKeyFile != "k" || s.LogFormat != "json" {
		t.Errorf("%+v", s)
	}
}

func TestAWrongVariableIsNamed(t *testing.T) {
	for name, c := range map[string][2]string{
		"PAXOS_TICK": {"soon", `PAXOS_TICK="soon": `}, "PAXOS_WINDOW": {"many", `PAXOS_WINDOW="many": `}, "PAXOS_LOCAL": {"2", `PAXOS_LOCAL="2": `},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, c[0])
			_, err := parse(paxos.ClientRole)
			if err == nil || !strings.Contains(err.Error(), c[1]) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "%!") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAVariableThatOnlySoundsLikeAFlagIsLeftAlone(t *testing.T) {
	t.Setenv("PAXOS_VERSION", "1.2.3")
	t.Setenv("PAXOS_HELP", "me")
	t.Setenv("PAXOS_DATA", "elsewhere")
	mustParse(t, paxos.ProposerRole)
}

func TestBlanksBetweenIDsDoNotMatter(t *testing.T) {
	s := mustParse(t, paxos.AcceptorRole, "--data", "d", "--acceptors", "acceptor1, acceptor2 ,acceptor3")
	if want := mustParse(t, paxos.AcceptorRole, "--data", "d").Configuration().Stamp(); s.Configuration().Stamp() != want {
		t.Error("they make another configuration")
	}
}
