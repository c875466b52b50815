package rest

import (
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
)

// An answer is written in parts, and each part in patienceOfParts: a reader may
// be slow, and may follow for days, but one that stops reading is hung up on.
const (
	partBytes       = 64 << 10
	patienceOfParts = 10 * time.Second
)

// parts writes an answer so.
type parts struct {
	gin.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	flushed  bool // it is a stream: some of it was to be seen before the rest
}

// inParts is for every endpoint. The deadline that it leaves behind is for what
// net/http still holds; net/http takes it back before the next request.
func (s *Server) inParts(c *gin.Context) {
	w := &parts{ResponseWriter: c.Writer, control: http.NewResponseController(c.Writer), patience: s.patienceOfParts}
	c.Writer = w
	c.Next()
	w.begin()
}

// begin gives the next part its time. A connection that is gone has none; to
// write to it fails then.
func (w *parts) begin() { _ = w.control.SetWriteDeadline(time.Now().Add(w.patience)) }

// Write implements io.Writer.
func (w *parts) Write(b []byte) (written int, err error) {
	for part := range slices.Chunk(b, partBytes) {
		w.begin()
		n, err := w.ResponseWriter.Write(part)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// Unwrap lets http.ResponseController reach the connection.
func (w *parts) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteString implements io.StringWriter.
func (w *parts) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// Flush implements http.Flusher.
func (w *parts) Flush() {
	w.begin()
	w.flushed = true
	w.ResponseWriter.Flush()
}
