package postgres

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"golang.org/x/sync/errgroup"
)

// Router sends writes to the primary and reads to replicas. Make one with Open; Run keeps it informed.
type Router struct {
	log   *slog.Logger
	nodes []*node
	turn  atomic.Uint64

	mu      sync.Mutex // guards the fields below
	views   []View
	past    []past // of the node of the same index
	history history
	route   Route
	changed chan struct{} // closed and replaced when route changes
}

// past is what we remember of a node beyond its last answer.
type past struct {
	failed   time.Time // when a request last failed on it
	streamed time.Time // when it last was a connected replica; zero after any failure
	misses   int       // checks in a row that failed
	left     bool      // its connections were dropped since it last answered
}

// disconnectedFor is how long a replica may be without its primary while we still see that one. It covers the moment
// between the death of a primary and our noticing.
const disconnectedFor = time.Second

// Open prepares pools to all members without connecting. app is the name that the database shows for our connections.
// Close the router after use. Until Run runs, nobody is known to be primary.
func Open(members []Member, app string, log *slog.Logger) (*Router, error) {
	r := &Router{log: log, changed: make(chan struct{}), past: make([]past, len(members))}
	for _, m := range members {
		n, err := newNode(m, app)
		if err != nil {
			r.Close()
			return nil, err
		}
		r.nodes = append(r.nodes, n)
		r.views = append(r.views, View{Name: m.Name, Far: m.Far})
	}
	r.route = choose(r.views, 0)
	return r, nil
}

// Close ends all connections.
func (r *Router) Close() {
	for _, n := range r.nodes {
		n.close()
	}
}

// Run checks all nodes, each from a goroutine and a connection of its own, until ctx ends.
func (r *Router) Run(ctx context.Context) error {
	var g errgroup.Group
	for i, n := range r.nodes {
		m := &monitor{cfg: monitorConfig(n)}
		g.Go(func() error {
			m.run(ctx, n, func(f finding) { r.tell(i, f) })
			return nil
		})
	}
	return g.Wait()
}

// monitorConfig is that of the pool, but for a connection that waits for no turn and for no late answer.
func monitorConfig(n *node) *pgx.ConnConfig {
	cfg := n.pool.Config().ConnConfig
	cfg.DialFunc = (&net.Dialer{}).DialContext
	cfg.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn()}
	}
	cfg.RuntimeParams["application_name"] += " monitor"
	return cfg
}

// Route says where requests go now.
func (r *Router) Route() Route {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.route
}

// now returns a consistent picture, and a channel that is closed when the route changes.
func (r *Router) now() (Route, []View, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.route, append([]View(nil), r.views...), r.changed
}

// So many checks in a row that had no answer in time mean that reads in flight should be had elsewhere, or that the node's
// connections are worth nothing any more.
const (
	missesSlow = 2
	missesGone = 20
)

// tell takes in what the monitor of node i found. One missed deadline takes the node out of the rotation, but only
// proof of death or long silence costs it its connections: on a starved machine, reconnecting after each late answer
// starves it further.
func (r *Router) tell(i int, f finding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, v := &r.past[i], &r.views[i]
	if f.err != nil {
		v.Up, p.streamed = false, time.Time{}
		p.misses++
		if gone := explain(f.err).suspect || p.misses >= missesGone; gone && !p.left {
			p.left = true
			r.nodes[i].leave()
		} else if p.misses == missesSlow {
			r.nodes[i].letGo()
		}
		r.decide(f.err)
		return
	}
	p.misses, p.left = 0, false
	if f.asked.Before(p.failed) {
		return // asked before the failure: says nothing about the time after it
	}
	*v = View{Name: v.Name, Far: v.Far, Up: true, Recovery: f.recovery, Timeline: f.timeline, LSN: f.lsn}
	v.Behind, v.BehindSet = r.behind(p, f)
	r.decide(nil)
	if r.route.Primary == v.Name {
		r.history.add(v.Name, v.Timeline, sample{f.asked, f.lsn})
	}
}

// behind is the age of a replica's data; ok is false if it is unknown. While a primary is known it goes by that
// primary's own positions, and only for a replica that is connected: a deposed primary that came back as a replica may
// stand at any position of a log that is not the primary's. Without a primary nothing newer can be acknowledged, so a
// replica that has replayed all that it received counts as fresh: reads must go on during a failover.
func (r *Router) behind(p *past, f finding) (age time.Duration, ok bool) {
	if !f.recovery {
		p.streamed = time.Time{}
		return 0, true
	}
	if f.streaming {
		p.streamed = f.asked
	}
	if r.route.Primary == "" {
		return 0, f.allSeen
	}
	if f.asked.Sub(p.streamed) > disconnectedFor {
		return 0, false
	}
	return r.history.behind(f.lsn, f.asked)
}

// suspect takes node n out of the rotation at once, until a check that begins after this moment succeeds.
func (r *Router) suspect(n *node, why error) {
	defer n.ask()
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.nodes, n)
	r.past[i].failed = time.Now()
	if r.views[i].Up {
		r.views[i].Up = false
		n.leave()
	}
	r.decide(why)
}

// decide makes the route anew. The caller holds mu.
func (r *Router) decide(why error) {
	old := r.route
	r.route = choose(r.views, old.Timeline)
	if same(old, r.route) {
		return
	}
	close(r.changed)
	r.changed = make(chan struct{})
	r.report(old, why)
}

func (r *Router) report(old Route, why error) {
	level, cause := slog.LevelInfo, ""
	if r.route.Primary == "" {
		level = slog.LevelWarn
	}
	if why != nil {
		cause = why.Error()
	}
	r.log.LogAttrs(context.Background(), level, "database route changed", slog.String("from", old.Primary),
		slog.String("primary", r.route.Primary), slog.Any("replicas", r.route.Replicas), slog.Any("stale", r.route.Stale),
		slog.Any("down", r.route.Down), slog.Int64("timeline", r.route.Timeline), slog.String("cause", cause))
}

func same(a, b Route) bool {
	return a.Primary == b.Primary && a.Timeline == b.Timeline && slices.Equal(a.Replicas, b.Replicas) && slices.Equal(a.Stale, b.Stale) && slices.Equal(a.Down, b.Down)
}

func (r *Router) node(name string) *node {
	for _, n := range r.nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// PoolStat is the state of the pool to one node.
type PoolStat struct {
	Node                     string
	Up                       bool
	Acquired, Idle, Max      int32 // connections
	Acquires, EmptyAcquires  int64 // since the start; the latter had to wait
	CanceledAcquires, Opened int64
	Behind                   time.Duration // age of the oldest change that a replica does not show
	BehindKnown              bool          // false also of the primary
}

// Stats returns the state of all pools, in the order of the members.
func (r *Router) Stats() []PoolStat {
	_, views, _ := r.now()
	var all []PoolStat
	for i, n := range r.nodes {
		s := n.pool.Stat()
		all = append(all, PoolStat{n.Name, views[i].Up, s.AcquiredConns(), s.IdleConns(), s.MaxConns(),
			s.AcquireCount(), s.EmptyAcquireCount(), s.CanceledAcquireCount(), s.NewConnsCount(),
			views[i].Behind, views[i].Up && views[i].Recovery && views[i].BehindSet})
	}
	return all
}
