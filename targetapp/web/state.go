package web

import (
	"net/http"
	"runtime"
)

// health says that the process is alive and wants traffic. It does not ask the databases: a dead database must not take
// all web nodes out of the load balancer. While draining it is 503, since the load balancer asks here.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	if s.draining.Load() {
		fail(w, http.StatusServiceUnavailable, "draining")
		return
	}
	answer(w, http.StatusOK, map[string]string{"status": "alive"})
}

// ready says whether the node can serve reads and writes; if not, what is missing.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	missing := []string{}
	if s.draining.Load() {
		missing = append(missing, "this node is draining")
	}
	rt := s.routes.Route()
	if rt.Primary == "" {
		missing = append(missing, "no primary database is known")
	}
	if rt.Primary == "" && len(rt.Replicas) == 0 {
		missing = append(missing, "no database can serve reads")
	}
	for _, check := range s.checks {
		if err := check(r.Context()); err != nil {
			missing = append(missing, err.Error())
		}
	}
	code := http.StatusOK
	if len(missing) > 0 {
		code = http.StatusServiceUnavailable
	}
	answer(w, code, map[string]any{"ready": len(missing) == 0, "missing": missing})
}

// route says where this node sends requests now, and what its cache and its processors did since it started.
func (s *Server) route(w http.ResponseWriter, _ *http.Request) {
	rt := s.routes.Route()
	says := map[string]any{"primary": rt.Primary, "replicas": rt.Replicas, "stale": rt.Stale, "down": rt.Down, "timeline": rt.Timeline}
	if busy, ok := processorTime(); ok {
		says["cpu"] = map[string]float64{"seconds": busy.Seconds(), "cores": float64(runtime.GOMAXPROCS(0))}
	}
	if s.cacheReads != nil {
		hits, misses := s.cacheReads()
		says["cache"] = map[string]int64{"hits": hits, "misses": misses, "loads": s.cacheLoads()}
	}
	answer(w, http.StatusOK, says)
}
