// Package etcd is etcd as a peer: three processes of its real server, built from
// its module, reached over gRPC with its own client or over its REST gateway.
//
// It is no part of the product; test/etcd is where our store's meaning is
// compared with etcd's. The other peers are beside it, what runs their processes
// is in bench/peers/members.
package etcd
