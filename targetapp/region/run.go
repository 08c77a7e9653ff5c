package region

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	every     = time.Second     // how often the lease is renewed and the databases are looked after
	ableFor   = 8 * time.Second // a region without a live leader keeps the lease so long: its own failover comes first
	stopLimit = 2 * time.Second
)

// agent is a voter, and the one that acts for a region.
type agent struct {
	cfg   config
	log   *slog.Logger
	voter *Voter
	lease *Lease // nil: an arbiter
	dbs   patroni

	mu      sync.Mutex // guards what campaign and steer tell each other
	other   string     // who has the lease instead of us
	able    bool       // the databases lived once
	alive   time.Time  // when they last had a live leader
	follows bool       // they are set up to follow the other region

	free  time.Time // campaign: since when nobody was seen to have the lease; zero: somebody has it, or it is not known
	wrote string    // steer: what was last logged

	strayed map[string]int // steer: how many times in a row a member was seen on another timeline than its leader
}

// Run votes, and acts for its region if it has one, until ctx ends. It returns an error if the configuration is wrong or the port
// is taken.
func Run(ctx context.Context, env func(string) string, log *slog.Logger) error {
	cfg, err := readConfig(env)
	if err != nil {
		return err
	}
	a := newAgent(cfg, log)
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.listen)
	if err != nil {
		return fmt.Errorf("listen on APP_LISTEN: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serve(ctx, l, a.handler()) })
	if a.lease != nil {
		g.Go(func() error { a.act(ctx); return nil })
	}
	return g.Wait()
}

func newAgent(cfg config, log *slog.Logger) *agent {
	client := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: voterLimit}).DialContext, IdleConnTimeout: 5 * time.Second}}
	a := &agent{cfg: cfg, log: log, voter: NewVoter(cfg.lease), dbs: patroni{nodes: cfg.patroni, source: cfg.source, client: client}}
	if cfg.region == "" {
		return a
	}
	var voters []Ballot
	for _, v := range cfg.voters {
		voters = append(voters, remote{base: "http://" + v, client: client})
	}
	a.lease = NewLease(cfg.region, cfg.lease, voters)
	return a
}

func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	var g errgroup.Group
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	return errors.Join(srv.Shutdown(end), g.Wait())
}

// act renews the lease and steers the databases. The two wait for nothing of each other: a Patroni that is slow to answer must
// not cost the lease.
func (a *agent) act(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { a.repeat(ctx, a.campaign) })
	wg.Go(func() { a.repeat(ctx, a.steer) })
	wg.Wait()
}

func (a *agent) repeat(ctx context.Context, do func(context.Context)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		do(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// campaign keeps the lease, or gets it when it is free. A region whose databases do not live asks for none, so that the other
// gets it.
func (a *agent) campaign(ctx context.Context) {
	able, standby := a.ability()
	held := a.lease.Left() > 0
	if held && able {
		a.lease.Renew(ctx)
		a.note("")
		return
	}
	other, heard := a.lease.Look(ctx)
	a.note(other)
	if other != "" || !heard || !able {
		a.free = time.Time{}
		return
	}
	if a.free.IsZero() {
		a.free = time.Now()
	}
	// A region that follows lets one that is set up to write go first: it may just have lost its voters for a moment.
	if wait := 2 * every; !standby || time.Since(a.free) >= wait {
		a.lease.Renew(ctx)
	}
}

func (a *agent) note(other string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.other = other
}

// ability says whether the region's databases could serve writes, and whether they follow the other region.
func (a *agent) ability() (able, standby bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.able && time.Since(a.alive) < ableFor, a.follows
}

// steer looks after the databases: with the lease they lead, and follow whom else is known to have it. Without either they
// stay as they are: their gates are closed.
func (a *agent) steer(ctx context.Context) {
	c, err := a.dbs.look(ctx)
	if err != nil {
		a.say(ctx, slog.LevelWarn, "no database answers", err)
		return
	}
	a.mu.Lock()
	a.follows = c.standby
	if c.live {
		a.able, a.alive = true, time.Now()
	}
	other := a.other
	a.mu.Unlock()
	holds := a.lease.Left() > 0
	switch {
	case holds && c.standby:
		err = a.dbs.set(ctx, false)
		a.say(ctx, slog.LevelInfo, "this region has the lease: its databases are to lead", err)
	case !holds && other != "" && !c.standby:
		err = a.dbs.set(ctx, true)
		a.say(ctx, slog.LevelInfo, "region "+other+" has the lease: our databases are to follow it", err)
	case holds:
		a.say(ctx, slog.LevelInfo, "this region may write", nil)
	case other != "":
		a.bringBack(ctx, c)
		a.say(ctx, slog.LevelInfo, "this region follows region "+other, nil)
	default:
		a.say(ctx, slog.LevelWarn, "nobody is known to have the lease", nil)
	}
}

// strayLimit is how many times in a row a member must be seen on a timeline that its leader has left. A member that only has to follow does
// so within one or two.
const strayLimit = 5

// bringBack renews members that can't follow. When the region lost the lease, one of its replicas may have had more of its log than
// the other region received; its own leader is rewound, but in a standby cluster Patroni 3.0 does not rewind replicas: they
// would ask for ever for a log that nobody has.
func (a *agent) bringBack(ctx context.Context, c cluster) {
	seen := map[string]int{}
	for _, host := range c.strayed {
		if seen[host] = a.strayed[host] + 1; seen[host] < strayLimit {
			continue
		}
		err := a.dbs.renew(ctx, host)
		a.say(ctx, slog.LevelInfo, "database at "+host+" has a log that its leader has not: it is to copy the leader anew", err)
		seen[host] = -2 * strayLimit // it takes some time
	}
	a.strayed = seen
}

// say logs what is new.
func (a *agent) say(ctx context.Context, level slog.Level, text string, err error) {
	if err != nil {
		level, text = slog.LevelWarn, text+": "+err.Error()
	}
	if text == a.wrote {
		return
	}
	a.wrote = text
	a.log.LogAttrs(ctx, level, text)
}

// state is what the agent says about its region.
func (a *agent) state() State {
	s := State{Region: a.cfg.region}
	if a.lease == nil {
		return s
	}
	if left := a.lease.Left(); left > 0 {
		s.Holds, s.LeftMS = true, left.Milliseconds()
	}
	s.Able, _ = a.ability()
	a.mu.Lock()
	defer a.mu.Unlock()
	s.Other = a.other
	return s
}
