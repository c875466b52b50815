// Package lean answers hot requests on the connection's own goroutine, from its
// own buffers. It reads a strict, small subset of HTTP/1.1: a known method and
// path, known headers, a whole body of known length. A connection on which
// anything else comes is lent, with the bytes that were read in front, to whoever
// accepts from the Edge (net/http). It comes back when the next request may be a
// hot one, if it is certain where that begins.
//
// So it never refuses: what is not plainly right is not its to judge. It knows
// no endpoint, no JSON and no loop; internal/rest says which requests are hot
// and answers them.
package lean
