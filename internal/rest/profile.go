package rest

import (
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/gin-gonic/gin"
)

// profiles adds what --pprof asks for: Go's own profiles, which are no part of
// the described interface.
func (s *Server) profiles(r table) {
	if !s.settings.Pprof {
		return
	}
	for path, handle := range map[string]http.HandlerFunc{"/": pprof.Index, "/cmdline": pprof.Cmdline, "/profile": pprof.Profile, "/symbol": pprof.Symbol, "/trace": pprof.Trace} {
		r.GET("/debug/pprof"+path, unhurried, gin.WrapF(handle))
	}
	r.GET("/debug/pprof/:profile", unhurried, gin.WrapF(pprof.Index))
}

// unhurried lets a profile be taken for longer than a body may take to arrive.
func unhurried(c *gin.Context) {
	if w, ok := c.Writer.(*parts); ok {
		_ = w.control.SetReadDeadline(time.Time{})
	}
}
