package etcd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"
	"go.etcd.io/etcd/server/v3/lease"

	"paxos/kv"
)

// patience bounds every wait for etcd.
const patience = 30 * time.Second

// server is etcd. Its services are called directly, below gRPC and above its
// checks of requests.
type server struct {
	etcd   *embed.Etcd
	kv     pb.KVServer
	leases pb.LeaseServer
	client *clientv3.Client
	all    clientv3.WatchChan
	ctx    context.Context
}

func startServer(t *testing.T) *server {
	t.Helper()
	c := embed.NewConfig()
	c.Dir = filepath.Join(t.TempDir(), "etcd")
	c.UnsafeNoFsync = true // what it means is compared, not that it lasts
	c.LogLevel = "panic"
	c.TickMs, c.ElectionMs = 10, 100 // alone, it is elected at once
	anyPort := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{anyPort}, []url.URL{anyPort}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{anyPort}, []url.URL{anyPort}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	e, err := embed.StartEtcd(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	select {
	case <-e.Server.ReadyNotify():
	case err := <-e.Err():
		t.Fatal(err)
	case <-time.After(patience):
		t.Fatal("etcd is not ready")
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	s := &server{etcd: e, kv: v3rpc.NewQuotaKVServer(e.Server), leases: v3rpc.NewQuotaLeaseServer(e.Server), client: v3client.New(e.Server), ctx: ctx}
	s.all = s.client.Watch(ctx, everything.Key, clientv3.WithFromKey(), clientv3.WithRev(1), clientv3.WithPrevKV())
	return s
}

// failures are etcd's errors that say why a request had no effect.
var failures = []struct {
	err  error
	code string
}{
	{rpctypes.ErrGRPCCompacted, kv.FailCompacted},
	{rpctypes.ErrGRPCFutureRev, kv.FailFuture},
	{rpctypes.ErrGRPCLeaseNotFound, kv.FailNoLease},
	{rpctypes.ErrGRPCLeaseExist, kv.FailLeaseExists},
	{rpctypes.ErrGRPCKeyNotFound, kv.FailNoKey},
	{rpctypes.ErrGRPCDuplicateKey, kv.FailDuplicateKey},
	{lease.ErrLeaseNotFound, kv.FailNoLease},
}

func (s *server) do(step step) (answer, error) {
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	a, err := s.call(ctx, step)
	if err == nil {
		return a, nil
	}
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return failed(f.code), nil
		}
	}
	return answer{}, fmt.Errorf("etcd: %w", err)
}

func (s *server) call(ctx context.Context, step step) (answer, error) {
	switch step.kind {
	case doTxn:
		r, err := s.kv.Txn(ctx, toTxn(step.txn))
		if err != nil {
			return answer{}, err
		}
		return answer{Revision: headed(r.Header), Succeeded: r.Succeeded, Responses: fromOps(r.Responses)}, nil
	case doPut:
		r, err := s.kv.Put(ctx, toPut(step.txn.Then[0].Put))
		if err != nil {
			return answer{}, err
		}
		return answer{Revision: headed(r.Header), Succeeded: true, Responses: []kv.Response{fromPut(r)}}, nil
	case doDelete:
		r, err := s.kv.DeleteRange(ctx, toDelete(step.txn.Then[0].Delete))
		if err != nil {
			return answer{}, err
		}
		return answer{Revision: headed(r.Header), Succeeded: true, Responses: []kv.Response{fromDelete(r)}}, nil
	case doRange:
		r, err := s.kv.Range(ctx, toRange(&step.read))
		if err != nil {
			return answer{}, err
		}
		return answer{Revision: headed(r.Header), Responses: []kv.Response{fromRange(r)}}, nil
	case doCompact:
		r, err := s.kv.Compact(ctx, &pb.CompactionRequest{Revision: int64(step.revision), Physical: true})
		if err != nil {
			return answer{}, err
		}
		return answer{Revision: headed(r.Header)}, nil
	}
	return s.callLease(ctx, step)
}

func (s *server) callLease(ctx context.Context, step step) (answer, error) {
	id := int64(step.lease)
	switch step.kind {
	case doGrant:
		r, err := s.leases.LeaseGrant(ctx, &pb.LeaseGrantRequest{ID: id, TTL: int64(step.ttl / 1000)})
		if err != nil {
			return answer{}, err
		}
		return answer{Revision: headed(r.Header), Lease: fromLease(r.ID, r.TTL, nil)}, nil
	case doRevoke:
		r, err := s.leases.LeaseRevoke(ctx, &pb.LeaseRevokeRequest{ID: id})
		if err != nil {
			return answer{}, err
		}
		return answer{Revision: headed(r.Header)}, nil
	case doKeepAlive:
		// The stream of keep-alives does no more than this.
		ttl, err := s.etcd.Server.LeaseRenew(ctx, lease.LeaseID(id))
		if err != nil {
			return answer{}, err
		}
		return s.leaseInfo(ctx, id, ttl)
	case doLease:
		return s.leaseInfo(ctx, id, 0)
	case doLeases:
		r, err := s.leases.LeaseLeases(ctx, &pb.LeaseLeasesRequest{})
		if err != nil {
			return answer{}, err
		}
		a := answer{Revision: headed(r.Header)}
		for _, l := range r.Leases {
			a.Leases = append(a.Leases, kv.LeaseID(l.ID))
		}
		slices.Sort(a.Leases) // etcd gives them in the order in which they expire
		return a, nil
	}
	return answer{}, fmt.Errorf("no such step: %v", step)
}

// leaseInfo asks for a lease; renewed is the TTL that a keep-alive gave it.
func (s *server) leaseInfo(ctx context.Context, id, renewed int64) (answer, error) {
	r, err := s.leases.LeaseTimeToLive(ctx, &pb.LeaseTimeToLiveRequest{ID: id, Keys: true})
	if err != nil {
		return answer{}, err
	}
	if r.TTL == -1 { // how etcd says that there is none
		return failed(kv.FailNoLease), nil
	}
	if renewed != 0 && renewed != r.GrantedTTL {
		return answer{}, fmt.Errorf("lease %d: renewed for %d s, granted for %d s", id, renewed, r.GrantedTTL)
	}
	return answer{Revision: headed(r.Header), Lease: fromLease(r.ID, r.GrantedTTL, r.Keys)}, nil
}

func (s *server) reopen() error { return nil }
