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
	a := &routeAsker{httpNode: node, route: watchFor(s.out, Route, e.Name), hits: hitRatio{target: e.Name, out: s.out}, health: health{target: e.Name, out: s.out}}
	return []poller{{name: "route " + e.Name, every: stateEvery, limit: askLimit, asker: a}}, nil
}

type routeAsker struct {
	*httpNode
	route  watched
	health health
	now    routeAnswer
	hits   hitRatio
}

type routeAnswer struct {
	Primary string      `json:"primary"`
	Cache   *cacheReads `json:"cache"` // nil: the node has no cache
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
