package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/lni/dragonboat/v4"
	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/logger"
)

const (
	shard = 1
	// An election takes ten to twenty of dragonboat's ticks, as in its examples.
	electionTicks = 10
	// Every so many entries the state is saved and the log cut. It is so many that
	// the short loads of the bench seldom see it, to this peer's advantage.
	snapshotEntries = 1_000_000
	overhead        = 100_000
)

func main() {
	id := flag.Uint64("id", 1, "number of this member in -members, from 1")
	data := flag.String("data", "", "directory of its log and snapshots")
	listen := flag.String("http", "127.0.0.1:0", "address for users")
	members := flag.String("members", "", "Raft addresses of all members, with commas")
	tick := flag.Duration("tick", 200*time.Millisecond, "dragonboat's RTTMillisecond: a heartbeat each, an election after ten")
	flag.Parse()
	if err := run(*id, *data, *listen, strings.Split(*members, ","), *tick); err != nil {
		fmt.Fprintln(os.Stderr, "member:", err)
		os.Exit(1)
	}
}

func run(id uint64, data, listen string, members []string, tick time.Duration) error {
	if id < 1 || id > uint64(len(members)) || data == "" {
		return errors.New("-id, -data and -members are needed")
	}
	for _, name := range []string{"raft", "rsm", "transport", "grpc", "logdb", "dragonboat", "config", "registry"} {
		logger.GetLogger(name).SetLevel(logger.ERROR)
	}
	host, err := dragonboat.NewNodeHost(config.NodeHostConfig{
		NodeHostDir: data, WALDir: data, RaftAddress: members[id-1], RTTMillisecond: uint64(tick.Milliseconds()),
	})
	if err != nil {
		return err
	}
	defer host.Close()
	initial := map[uint64]dragonboat.Target{}
	for i, address := range members {
		initial[uint64(i+1)] = address
	}
	err = host.StartConcurrentReplica(initial, false, newMachine, config.Config{
		ReplicaID: id, ShardID: shard, ElectionRTT: electionTicks, HeartbeatRTT: 1, CheckQuorum: true, PreVote: true,
		SnapshotEntries: snapshotEntries, CompactionOverhead: overhead,
	})
	if err != nil {
		return err
	}
	server := &http.Server{Addr: listen, Handler: newServer(host, id), ReadHeaderTimeout: 10 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
