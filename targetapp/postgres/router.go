package postgres

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gauntlet/targetapp/logging"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// Router sends writes to the primary and reads to replicas. Make one with Open; Run keeps it informed.
type Router struct {
	log   *slog.Logger
	nodes []*node
	turn  atomic.Uint64

	mu      sync.Mutex // guards the fields below
	views   []View
	failed  []time.Time // when a request last failed on the node
	history history
	route   Route
	changed chan struct{} // closed and replaced when route changes
}

// Open prepares pools to all members without connecting. app is the name that the database shows for our connections.
// Close the router after use. Until Run runs, nobody is known to be primary.
func Open(members []Member, app string, log *slog.Logger) (*Router, error) {
	r := &Router{log: log, changed: make(chan struct{}), failed: make([]time.Time, len(members))}
	for _, m := range members {
		n, err := newNode(m, app)
		if err != nil {
			r.Close()
			return nil, err
		}
		r.nodes = append(r.nodes, n)
		r.views = append(r.views, View{Name: m.Name})
	}
	r.route = choose(r.views, 0)
	return r, nil
}

// Close ends all connections.
func (r *Router) Close() {
	for _, n := range r.nodes {
		n.pool.Close()
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

func monitorConfig(n *node) *pgx.ConnConfig {
	cfg := n.pool.Config().ConnConfig
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

// tell takes in what the monitor of node i found.
func (r *Router) tell(i int, f finding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := &r.views[i]
	switch {
	case f.err != nil:
		v.Up = false
	case f.asked.Before(r.failed[i]):
		return // asked before the failure: says nothing about the time after it
	default:
		*v = View{Name: v.Name, Up: true, Recovery: f.recovery, Timeline: f.timeline, LSN: f.lsn}
		v.Behind, v.BehindSet = r.behind(f)
	}
	r.decide(f.err)
	if v.Up && !v.Recovery && r.route.Primary == v.Name {
		r.history.add(v.Name, v.Timeline, sample{f.asked, f.lsn})
	}
}

// behind is the age of a replica's data: by the primary's own positions while one is known. Without one, nothing newer
// can be acknowledged, so a replica that has replayed all that it received counts as fresh: reads must go on during a
// failover.
func (r *Router) behind(f finding) (time.Duration, bool) {
	if !f.recovery {
		return 0, true
	}
	if r.route.Primary != "" {
		if age, ok := r.history.behind(f.lsn, f.asked); ok {
			return age, true
		}
	} else if f.allSeen {
		return 0, true
	}
	return f.age, f.age >= 0
}

// suspect takes node i out of the rotation at once, until a check that begins after this moment succeeds.
func (r *Router) suspect(n *node, why error) {
	defer n.ask()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.nodes {
		if r.nodes[i] == n {
			r.failed[i] = time.Now()
			r.views[i].Up = false
		}
	}
	r.decide(why)
}

// decide makes the route anew. Nodes that left it lose their connections. The caller holds mu.
func (r *Router) decide(why error) {
	old := r.route
	r.route = choose(r.views, old.Timeline)
	if same(old, r.route) {
		return
	}
	for _, n := range r.nodes {
		if slices.Contains(r.route.Down, n.Name) && !slices.Contains(old.Down, n.Name) {
			n.leave()
		}
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
	r.log.LogAttrs(context.Background(), level, "database route changed", logging.None(), slog.String("from", old.Primary),
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
}

// Stats returns the state of all pools, in the order of the members.
func (r *Router) Stats() []PoolStat {
	_, views, _ := r.now()
	var all []PoolStat
	for i, n := range r.nodes {
		s := n.pool.Stat()
		all = append(all, PoolStat{n.Name, views[i].Up, s.AcquiredConns(), s.IdleConns(), s.MaxConns(),
			s.AcquireCount(), s.EmptyAcquireCount(), s.CanceledAcquireCount(), s.NewConnsCount()})
	}
	return all
}
