package etcd

import (
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"paxos/kv"
	"paxos/paxos"
)

func headed(h *pb.ResponseHeader) kv.Revision { return kv.Revision(h.Revision) }

func bytesOf(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func toPut(p *kv.Put) *pb.PutRequest {
	return &pb.PutRequest{Key: bytesOf(p.Key), Value: bytesOf(p.Value), Lease: int64(p.Lease), PrevKv: p.Prev, IgnoreValue: p.KeepValue, IgnoreLease: p.KeepLease}
}

func toDelete(d *kv.Delete) *pb.DeleteRangeRequest {
	return &pb.DeleteRangeRequest{Key: bytesOf(d.Key), RangeEnd: bytesOf(d.End), PrevKv: d.Prev}
}

func toRange(r *kv.Range) *pb.RangeRequest {
	return &pb.RangeRequest{Key: bytesOf(r.Key), RangeEnd: bytesOf(r.End), Limit: int64(r.Limit), Revision: int64(r.Revision), KeysOnly: r.KeysOnly,
		CountOnly: r.CountOnly, Serializable: true}
}

func toTxn(t kv.Txn) *pb.TxnRequest {
	r := &pb.TxnRequest{Success: toOps(t.Then), Failure: toOps(t.Else)}
	for _, c := range t.If {
		r.Compare = append(r.Compare, toCompare(c))
	}
	return r
}

func toOps(ops []kv.Op) []*pb.RequestOp {
	var list []*pb.RequestOp
	for _, op := range ops {
		r := &pb.RequestOp{}
		switch {
		case op.Put != nil:
			r.Request = &pb.RequestOp_RequestPut{RequestPut: toPut(op.Put)}
		case op.Delete != nil:
			r.Request = &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: toDelete(op.Delete)}
		case op.Range != nil:
			r.Request = &pb.RequestOp_RequestRange{RequestRange: toRange(op.Range)}
		case op.Txn != nil:
			r.Request = &pb.RequestOp_RequestTxn{RequestTxn: toTxn(*op.Txn)}
		}
		list = append(list, r)
	}
	return list
}

var relations = map[kv.Relation]pb.Compare_CompareResult{
	kv.Equal: pb.Compare_EQUAL, kv.NotEqual: pb.Compare_NOT_EQUAL, kv.Greater: pb.Compare_GREATER, kv.Less: pb.Compare_LESS,
}

func toCompare(c kv.Compare) *pb.Compare {
	r := &pb.Compare{Key: bytesOf(c.Key), RangeEnd: bytesOf(c.End), Result: relations[c.Relation]}
	n := int64(c.Number)
	switch c.Target {
	case kv.TargetVersion:
		r.Target, r.TargetUnion = pb.Compare_VERSION, &pb.Compare_Version{Version: n}
	case kv.TargetCreate:
		r.Target, r.TargetUnion = pb.Compare_CREATE, &pb.Compare_CreateRevision{CreateRevision: n}
	case kv.TargetMod:
		r.Target, r.TargetUnion = pb.Compare_MOD, &pb.Compare_ModRevision{ModRevision: n}
	case kv.TargetValue:
		r.Target, r.TargetUnion = pb.Compare_VALUE, &pb.Compare_Value{Value: bytesOf(c.Value)}
	case kv.TargetLease:
		r.Target, r.TargetUnion = pb.Compare_LEASE, &pb.Compare_Lease{Lease: n}
	}
	return r
}

func fromKV(k *mvccpb.KeyValue) kv.KeyValue {
	return kv.KeyValue{Key: string(k.Key), Value: string(k.Value), Create: kv.Revision(k.CreateRevision), Mod: kv.Revision(k.ModRevision),
		Version: uint64(k.Version), Lease: kv.LeaseID(k.Lease)}
}

func fromKVs(list []*mvccpb.KeyValue) []kv.KeyValue {
	var kvs []kv.KeyValue
	for _, k := range list {
		kvs = append(kvs, fromKV(k))
	}
	return kvs
}

func fromPut(r *pb.PutResponse) kv.Response {
	if r.PrevKv == nil {
		return kv.Response{}
	}
	return kv.Response{KVs: []kv.KeyValue{fromKV(r.PrevKv)}}
}

func fromDelete(r *pb.DeleteRangeResponse) kv.Response {
	return kv.Response{KVs: fromKVs(r.PrevKvs), Count: int(r.Deleted)}
}

func fromRange(r *pb.RangeResponse) kv.Response {
	return kv.Response{KVs: fromKVs(r.Kvs), Count: int(r.Count), More: r.More}
}

func fromOps(ops []*pb.ResponseOp) []kv.Response {
	var list []kv.Response
	for _, op := range ops {
		switch r := op.Response.(type) {
		case *pb.ResponseOp_ResponsePut:
			list = append(list, fromPut(r.ResponsePut))
		case *pb.ResponseOp_ResponseDeleteRange:
			list = append(list, fromDelete(r.ResponseDeleteRange))
		case *pb.ResponseOp_ResponseRange:
			list = append(list, fromRange(r.ResponseRange))
		case *pb.ResponseOp_ResponseTxn:
			list = append(list, kv.Response{Txn: &kv.TxnResponse{Succeeded: r.ResponseTxn.Succeeded, Responses: fromOps(r.ResponseTxn.Responses)}})
		}
	}
	return list
}

// fromLease sorts the keys: etcd keeps them in no order.
func fromLease(id, ttl int64, keys [][]byte) *kv.LeaseInfo {
	l := &kv.LeaseInfo{ID: kv.LeaseID(id), TTL: paxos.LogTime(ttl * 1000)}
	for _, k := range keys {
		l.Keys = append(l.Keys, string(k))
	}
	slices.Sort(l.Keys)
	return l
}

func fromEvent(e *mvccpb.Event) kv.Event {
	event := kv.Event{Type: kv.PutEvent, KV: fromKV(e.Kv)}
	if e.Type == mvccpb.Event_DELETE {
		event.Type = kv.DeleteEvent
	}
	if e.PrevKv != nil {
		prev := fromKV(e.PrevKv)
		event.Prev = &prev
	}
	return event
}
