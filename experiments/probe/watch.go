package probe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// The kinds of endpoints that can be watched, as topologies label them.
const (
	Postgres = "postgres" // PostgreSQL on port 5432
	Etcd     = "etcd"     // etcd with its v2 API on port 2379
	HAProxy  = "haproxy"  // HAProxy with its runtime API on TCP port 9999
	Web      = "web"      // the target app on port 8080
	DNS      = "dns"      // a name server on TCP port 53, asked for what Lookups say
	Region   = "region"   // the agent of a region, on port 8010
	RabbitMQ = "rabbitmq" // a broker node on port 5672, with the target app's queues
	Redis    = "redis"    // a Redis node on port 6379, which is asked for its role only
)

// Kinds lists all kinds that [Watch] accepts.
func Kinds() []string {
	return []string{Postgres, Etcd, HAProxy, Web, RabbitMQ, Redis, DNS, Region}
}

// Endpoint is one container to watch.
type Endpoint struct {
	Name   string         // the container's name as printed, such as "db1"; for PostgreSQL also its name in the cluster
	Kind   string         // one of the kinds; "" is not watched
	Tier   string         // such as "db"
	Region string         // such as "a", may be ""
	Shard  string         // of a database: the cluster that it belongs to, such as "s1"; "" where there is only one
	Ports  map[int]string // container port to the "host:port" where it can be reached

	Lookups []Lookup          // of a name server
	Sites   map[string]string // of a name server: what the addresses that it gives belong to, by name
}

// Watch says what to watch. The zero values of all fields but Endpoints are fine.
type Watch struct {
	Endpoints []Endpoint
	Scope     string // Patroni's scope in the consensus store; "" is "ref"
	User      string // database user; "" is "postgres": reserved connections keep the watch alive when the app uses up the others, and it sees replication's state
	Password  string // of User; "" where the server trusts its clients
	Database  string // that holds the tables heartbeat and posts; "" is "app"
	Sync      bool   // the topology promises a synchronous standby: [Watch.Steady] insists on one
}

// Sink takes what is seen. Its functions are called one at a time, in the order in which things were learnt, from the
// pollers themselves: a slow function makes gaps. A nil function drops what it would get.
type Sink struct {
	Point  func(Point)
	Change func(Change)
}

// ErrEndpoint says that an endpoint cannot be watched as described.
var ErrEndpoint = errors.New("cannot watch endpoint")

// How often the pollers ask. 40 ms bounds each failover stage to ±40 ms; 100 ms is the heartbeat's resolution.
const (
	stateEvery = 40 * time.Millisecond
	serverTick = 50 * time.Millisecond
	beatEvery  = 100 * time.Millisecond
	slowEvery  = 250 * time.Millisecond
)

// askLimit is the deadline of one poll. A longer silence is a gap.
const askLimit = 250 * time.Millisecond

// Run polls until ctx ends and then waits for its pollers; that is no error. It fails at once, before any polling, with
// [ErrEndpoint] if an endpoint's kind is unknown or its port is missing. Nodes that don't answer are gaps, not errors.
// All times are offsets from origin, on the monotonic clock. Memory does not grow with time.
//
// Cost, measured on the topology with three databases, three consensus nodes, three web nodes and a load balancer: 230
// questions a second for about 5 % of one core.
//
// Run writes a row of table heartbeat every 100 ms on whichever node says that it is the primary.
func (w Watch) Run(ctx context.Context, origin time.Time, emit Sink) error {
	s := newSession(w.withDefaults(), origin, emit)
	pollers, err := s.pollers()
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for _, p := range pollers {
		wg.Go(func() { p.run(ctx, s.clock, s.out) })
	}
	wg.Wait()
	return nil
}

func (w Watch) withDefaults() Watch {
	w.Scope = or(w.Scope, "ref")
	w.User = or(w.User, "postgres")
	w.Database = or(w.Database, "app")
	return w
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// of returns the endpoints of one kind.
func (w Watch) of(kind string) []Endpoint {
	var out []Endpoint
	for _, e := range w.Endpoints {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// addr is where a container port of the endpoint can be reached.
func (e Endpoint) addr(port int) (string, error) {
	if a := e.Ports[port]; a != "" {
		return a, nil
	}
	return "", fmt.Errorf("%w %s: its kind %q is asked on port %d, which is not published; publish it on 127.0.0.1 in the topology's Compose file", ErrEndpoint, e.Name, e.Kind, port)
}

// session is what the pollers of one Run share.
type session struct {
	watch Watch
	clock clock
	out   *emitter
	board *board // what the database nodes last said
	pulse *pulse // the heartbeat's last acknowledgement
	store *store // what the consensus nodes last said

	queues *queues // which broker node speaks for all
	leases *leases // which region may write
	shard  string  // the database cluster that is watched, "" if it is the only one
}

func newSession(w Watch, origin time.Time, emit Sink) *session {
	c := clock{origin}
	out := &emitter{sink: emit}
	return &session{watch: w, clock: c, out: out, board: newBoard(), pulse: newPulse(), store: newStore(out), queues: &queues{out: out}, leases: newLeases(out)}
}

// pollers makes the pollers of all endpoints.
func (s *session) pollers() ([]poller, error) {
	var all []poller
	var errs []error
	clusters := s.clusters()
	for _, e := range s.watch.Endpoints {
		of := s
		if e.Kind == Postgres {
			of = clusters[e.Shard]
		}
		ps, err := of.pollersOf(e)
		all, errs = append(all, ps...), append(errs, err)
	}
	for _, c := range clusters {
		ps, err := c.clusterPollers()
		all, errs = append(all, ps...), append(errs, err)
	}
	return all, errors.Join(errs...)
}

// pollersOf is the one place that knows which pollers a kind has. The nodes of a kind are asked at the same moment and
// the kinds 10 ms apart: one burst for all would delay itself, and waking up for each poll alone costs twice the CPU.
func (s *session) pollersOf(e Endpoint) ([]poller, error) {
	switch e.Kind {
	case "", Redis:
		return nil, nil
	case Postgres:
		return s.postgresPollers(e)
	case Web:
		return shifted(10 * time.Millisecond)(s.webPollers(e))
	case Etcd:
		return shifted(20 * time.Millisecond)(s.etcdPollers(e))
	case HAProxy:
		return shifted(30 * time.Millisecond)(s.haproxyPollers(e))
	case Region:
		return s.leasePollers(e)
	case DNS:
		return s.dnsPollers(e)
	case RabbitMQ:
		return shifted(35 * time.Millisecond)(s.queuePollers(e))
	default:
		return nil, fmt.Errorf("%w %s: unknown kind %q; known are %v", ErrEndpoint, e.Name, e.Kind, Kinds())
	}
}

// shifted sets the phase of pollers.
func shifted(phase time.Duration) func([]poller, error) ([]poller, error) {
	return func(ps []poller, err error) ([]poller, error) {
		for i := range ps {
			ps[i].phase = phase
		}
		return ps, err
	}
}

// clusterPollers are those that ask for a thing that no single node owns.
func (s *session) clusterPollers() ([]poller, error) {
	var all []poller
	if len(s.watch.of(Postgres)) > 0 {
		all = append(all, poller{name: s.named("heartbeat age"), every: beatEvery, limit: askLimit, asker: &ageAsker{s}})
	}
	if len(s.watch.of(Etcd)) == 0 {
		return all, nil
	}
	keys, err := shifted(20 * time.Millisecond)(s.keyPollers())
	return append(all, keys...), err
}

// named is a poller's name, with the shard's where there are several.
func (s *session) named(name string) string {
	if s.shard == "" {
		return name
	}
	return name + " of " + s.shard
}

// emitter serialises what concurrent pollers say.
type emitter struct {
	mu   sync.Mutex
	sink Sink
}

func (e *emitter) point(p Point) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sink.Point != nil {
		e.sink.Point(p)
	}
}

func (e *emitter) change(c Change) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sink.Change != nil {
		e.sink.Change(c)
	}
}

// clock tells offsets from the run's origin.
type clock struct{ origin time.Time }

func (c clock) now() time.Duration { return time.Since(c.origin) }

// sleepUntil returns true at the offset, or at once if it has passed; false if ctx ended first.
func (c clock) sleepUntil(ctx context.Context, at time.Duration) bool {
	left := at - c.now()
	if left <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
