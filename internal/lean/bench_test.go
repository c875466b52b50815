package lean

import (
	"bytes"
	"net"
	"testing"
)

// BenchmarkAHotRequest is a put of 256 bytes, from its bytes to its answer's, over
// a real socket; its handler says little. What it allocates is the edge's.
func BenchmarkAHotRequest(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	e := New(testOptions(func(_ *Request, a *Answer) bool {
		a.Status, a.Body = 200, append(a.Body, `{"revision":"1"}`...)
		return true
	}))
	go e.Serve(l)
	defer func() { must(b, e.Close()) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	must(b, err)
	defer conn.Close()
	request := append([]byte("PUT /hot/bench/1/1 HTTP/1.1\r\nHost: 127.0.0.1:7400\r\nContent-Length: 256\r\n\r\n"), make([]byte, 256)...)
	answer := make([]byte, 4096)
	ask := func() {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		if n, err := conn.Read(answer); err != nil || !bytes.HasSuffix(answer[:n], []byte(`{"revision":"1"}`)) {
			b.Fatalf("%q, %v", answer[:n], err)
		}
	}
	ask()
	b.ReportAllocs()
	for b.Loop() {
		ask()
	}
}

// BenchmarkParse is the head of such a request alone.
func BenchmarkParse(b *testing.B) {
	head := []byte("PUT /hot/bench/1/1 HTTP/1.1\r\nHost: 127.0.0.1:7400\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\nContent-Length: 256\r\n\r\n")
	var r Request
	b.ReportAllocs()
	for b.Loop() {
		if size, v := r.parse(head); v != plain || size != len(head) {
			b.Fatal(size, v)
		}
	}
}
