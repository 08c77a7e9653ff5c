package probe

import (
	"context"
	"time"
)

// webPollers ask one web node where it sends its writes, and how well its cache does.
func (s *session) webPollers(e Endpoint) ([]poller, error) {
	node, err := newHTTPNode(e, 8080)
	if err != nil {
		return nil, err
	}
	a := &routeAsker{httpNode: node, route: watchFor(s.out, Route, e.Name), hits: hitRatio{target: e.Name, out: s.out}, cpu: cpuShare{target: e.Name, out: s.out}, health: health{target: e.Name, out: s.out}}
	return []poller{{name: "route " + e.Name, every: stateEvery, limit: askLimit, asker: a}}, nil
}

type routeAsker struct {
	*httpNode
	route  watched
	health health
	now    routeAnswer
	hits   hitRatio
	cpu    cpuShare
}

type routeAnswer struct {
	Primary string      `json:"primary"`
	Cache   *cacheReads `json:"cache"` // nil: the node has no cache
	CPU     *cpuUse     `json:"cpu"`   // nil: the node does not know
}

// cacheReads are a web node's reads of the cache since it started.
type cacheReads struct {
	Hits   int64 `json:"hits"`
	Misses int64 `json:"misses"`
}

func (a *routeAsker) ask(ctx context.Context) error {
	a.now = routeAnswer{}
	return a.get(ctx, "/route", &a.now)
}

func (a *routeAsker) tell(s span, err error) {
	a.health.saw(err, s)
	if err != nil {
		a.route.saw(Unknown, s)
		return
	}
	a.route.saw(a.now.Primary, s)
	if a.now.Cache != nil {
		a.hits.saw(*a.now.Cache, s)
	}
	if a.now.CPU != nil {
		a.cpu.saw(*a.now.CPU, s)
	}
}

// cpuUse is what a web node has used of its processors since it started.
type cpuUse struct {
	Seconds float64 `json:"seconds"`
	Cores   float64 `json:"cores"` // that it may use at a time
}

// cpuShare tells once a second which share of its processors the node used since the last time. A second in which it started anew
// has none.
type cpuShare struct {
	target string
	out    *emitter
	last   cpuUse
	at     time.Duration // of last; 0: there is none
}

func (c *cpuShare) saw(now cpuUse, s span) {
	if c.at != 0 && s.ended-c.at < time.Second {
		return
	}
	used, over := now.Seconds-c.last.Seconds, (s.ended - c.at).Seconds()
	known := c.at != 0 && used >= 0 && now.Cores > 0 && over > 0
	c.last, c.at = now, s.ended
	if known {
		c.out.point(Point{Metric: WebCPU, Target: c.target, At: s.ended, Value: min(1, used/over/now.Cores)})
	}
}

// hitRatio tells once a second which share of the reads since the last time the cache answered. A second without reads has no
// share, nor has one in which the node started anew.
type hitRatio struct {
	target string
	out    *emitter
	last   cacheReads
	at     time.Duration // of last; 0: there is none
}

func (h *hitRatio) saw(now cacheReads, s span) {
	if h.at != 0 && s.ended-h.at < time.Second {
		return
	}
	hits, misses := now.Hits-h.last.Hits, now.Misses-h.last.Misses
	known := h.at != 0 && hits >= 0 && misses >= 0 && hits+misses > 0
	h.last, h.at = now, s.ended
	if known {
		h.out.point(Point{Metric: CacheHits, Target: h.target, At: s.ended, Value: float64(hits) / float64(hits+misses)})
	}
}
