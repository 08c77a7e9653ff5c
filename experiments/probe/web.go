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
	a := &routeAsker{httpNode: node, route: watchFor(s.out, Route, e.Name), hits: hitRatio{target: e.Name, out: s.out}, loads: loadRate{target: e.Name, out: s.out}, cpu: cpuShare{target: e.Name, out: s.out}, health: health{target: e.Name, out: s.out}}
	return []poller{{name: "route " + e.Name, every: stateEvery, limit: askLimit, asker: a}}, nil
}

type routeAsker struct {
	*httpNode
	route  watched
	health health
	now    routeAnswer
	hits   hitRatio
	loads  loadRate
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
	Loads  int64 `json:"loads"` // fetches from the database to fill it
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
		a.loads.saw(a.now.Cache.Loads, s)
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

// secondly keeps a node's counters for a second.
type secondly[T any] struct {
	last T
	at   time.Duration // of last; 0: there is none
}

// take returns the counters of a second or more ago and how long that is, and keeps the new ones; false if it is not due yet, or there
// were none.
func (k *secondly[T]) take(now T, s span) (before T, over time.Duration, ok bool) {
	before, over, ok = k.last, s.ended-k.at, k.at != 0
	if ok && over < time.Second {
		return before, over, false
	}
	k.last, k.at = now, s.ended
	return before, over, ok
}

// hitRatio tells once a second which share of the reads since the last time the cache answered. A second without reads has no
// share, nor has one in which the node started anew.
type hitRatio struct {
	target string
	out    *emitter
	kept   secondly[cacheReads]
}

func (h *hitRatio) saw(now cacheReads, s span) {
	before, _, ok := h.kept.take(now, s)
	hits, misses := now.Hits-before.Hits, now.Misses-before.Misses
	if ok && hits >= 0 && misses >= 0 && hits+misses > 0 {
		h.out.point(Point{Metric: CacheHits, Target: h.target, At: s.ended, Value: float64(hits) / float64(hits+misses)})
	}
}

// loadRate tells once a second how often the node has asked the database to fill the cache, per second. A second in which it started
// anew has no rate.
type loadRate struct {
	target string
	out    *emitter
	kept   secondly[int64]
}

func (l *loadRate) saw(now int64, s span) {
	before, over, ok := l.kept.take(now, s)
	if ok && now >= before {
		l.out.point(Point{Metric: CacheLoads, Target: l.target, At: s.ended, Value: float64(now-before) / over.Seconds()})
	}
}

// cpuShare tells once a second which share of its processors the node used since the last time. A second in which it started anew
// has none.
type cpuShare struct {
	target string
	out    *emitter
	kept   secondly[cpuUse]
}

func (c *cpuShare) saw(now cpuUse, s span) {
	before, over, ok := c.kept.take(now, s)
	if used := now.Seconds - before.Seconds; ok && used >= 0 && now.Cores > 0 {
		c.out.point(Point{Metric: WebCPU, Target: c.target, At: s.ended, Value: min(1, used/over.Seconds()/now.Cores)})
	}
}
