package rest

import (
	"io"
	"net"
	"testing"
)

// BenchmarkHot is one user's hot requests, through all nodes of a small cluster
// in this process: what a put, and a read over the stream, allocate on their way.
func BenchmarkHot(b *testing.B) {
	w := newTown(b)
	w.lineOf(b)
	for _, c := range []struct{ name, request string }{
		{"put", "PUT /kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 256\r\n\r\n" + string(make([]byte, 256))},
		{"get", "GET /kv/a HTTP/1.1\r\nHost: x\r\n\r\n"}, // of what was put
	} {
		b.Run(c.name, func(b *testing.B) {
			conn, err := net.Dial("tcp", w.client.address)
			must(b, err)
			defer conn.Close()
			answer := make([]byte, 4096)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := io.WriteString(conn, c.request); err != nil {
					b.Fatal(err)
				}
				if n, err := conn.Read(answer); err != nil || string(answer[:15]) != "HTTP/1.1 200 OK" {
					b.Fatalf("%q, %v", answer[:n], err)
				}
			}
		})
	}
}
