package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// ErrProfile is wrapped by every complaint about a profile that can't be run.
var ErrProfile = errors.New("bad load profile")

// Target says where and when the load goes.
type Target struct {
	Base     string        // such as http://127.0.0.1:18000, without a path at the end or with one that is put before each op's
	Sessions Sessions      // from Login; empty where no op uses {{token}}
	Origin   time.Time     // the run's origin, with a monotonic reading
	Start    time.Duration // first due time, from the origin
	Length   time.Duration // requests are due in [Start, Start+Length)
}

func (t Target) begin() time.Time { return t.Origin.Add(t.Start) }

// Report sums a load up.
type Report struct {
	Planned map[string]uint64 // requests per op name; each had exactly one sample
}

// Run sends the load and calls emit once per planned request, from one goroutine at a time and in order of their ends (more or
// less). A slow emit delays no request: samples wait in memory. When ctx ends Run stops at once: requests not yet due were
// never planned, those in flight get samples, and the context's error is returned beside the report.
func Run(ctx context.Context, p Profile, t Target, emit func(Sample)) (Report, error) {
	return runOver(ctx, dialTCP(p.Timeout), p, t, emit)
}

// runOver is Run over a network of choice.
func runOver(ctx context.Context, dial dialFunc, p Profile, t Target, emit func(Sample)) (Report, error) {
	t.Base = strings.TrimSuffix(t.Base, "/")
	lanes, err := prepare(p, t)
	if err != nil {
		return Report{}, err
	}
	poolCtx, closePools := context.WithCancel(ctx)
	defer closePools()
	pools := map[string]*http.Transport{}
	for _, l := range lanes {
		pool := pools[l.op.Class]
		if pool == nil {
			pool = newTransport(poolCtx, dial.until(ctx), p.Connections, p.Timeout)
			defer pool.CloseIdleConnections()
			pools[l.op.Class] = pool
		}
		l.base, l.ctx = pool, ctx
	}
	return attackAll(ctx, lanes, emit)
}

// attackAll runs all lanes side by side and drains their samples.
func attackAll(ctx context.Context, lanes []*lane, emit func(Sample)) (Report, error) {
	q := newQueue()
	planned := make([]uint64, len(lanes))
	told := map[string]uint64{}
	var attacks, drain sync.WaitGroup
	for i, l := range lanes {
		attacks.Go(func() { planned[i] = l.attack(q.put) })
	}
	drain.Go(func() {
		q.drain(func(s Sample) { told[s.Op]++; emit(s) })
	})
	attacks.Wait()
	q.close()
	drain.Wait()
	rep := Report{Planned: map[string]uint64{}}
	for i, l := range lanes {
		rep.Planned[l.op.Name] = planned[i]
		if told[l.op.Name] != planned[i] {
			return rep, fmt.Errorf("op %s: planned %d requests but %d ended: the records are not whole", l.op.Name, planned[i], told[l.op.Name])
		}
	}
	return rep, ctx.Err()
}

// prepare checks the profile and makes one lane per operation.
func prepare(p Profile, t Target) ([]*lane, error) {
	if err := check(p, t); err != nil {
		return nil, err
	}
	plans := plan(p, t.Length)
	ids := number(p.Ops, plans)
	lanes := make([]*lane, len(p.Ops))
	for i, op := range p.Ops {
		r, err := compile(op.Request)
		if err != nil {
			return nil, fmt.Errorf("%w: op %s: %w", ErrProfile, op.Name, err)
		}
		if err := fillable(op, r, p, t.Sessions); err != nil {
			return nil, err
		}
		l := &lane{op: op, index: i, request: r, plan: plans[i], ids: ids[i], profile: p, target: t, attempts: map[uint64]attempt{}}
		if r.path.fixed() {
			if l.static, err = url.Parse(t.Base + op.Request.Path); err != nil {
				return nil, fmt.Errorf("%w: op %s: %w", ErrProfile, op.Name, err)
			}
		}
		lanes[i] = l
	}
	return lanes, nil
}

func check(p Profile, t Target) error {
	base, err := url.Parse(t.Base)
	switch {
	case err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "":
		return fmt.Errorf("%w: base URL %q, write it like http://127.0.0.1:18000", ErrProfile, t.Base)
	case !(p.Rate > 0 && p.Rate <= 1e6):
		return fmt.Errorf("%w: rate %v per second, must be above 0 and at most a million", ErrProfile, p.Rate)
	case p.Timeout <= 0:
		return fmt.Errorf("%w: timeout %v must be above 0", ErrProfile, p.Timeout)
	case p.Connections <= 0:
		return fmt.Errorf("%w: %d connections, at least 1 is needed", ErrProfile, p.Connections)
	case len(p.Ops) == 0:
		return fmt.Errorf("%w: it has no operations", ErrProfile)
	case t.Length <= 0:
		return fmt.Errorf("%w: its length %v must be above 0", ErrProfile, t.Length)
	}
	seen := map[string]bool{}
	for _, op := range p.Ops {
		if !(op.Weight > 0 && op.Weight < 1e12) {
			return fmt.Errorf("%w: op %s: weight %v must be above 0", ErrProfile, op.Name, op.Weight)
		}
		if seen[op.Name] {
			return fmt.Errorf("%w: two ops are named %s", ErrProfile, op.Name)
		}
		seen[op.Name] = true
	}
	return nil
}

// fillable says whether the profile can fill the variables that an operation uses.
func fillable(op Op, r request, p Profile, s Sessions) error {
	switch {
	case r.uses[partID] && !op.Ledger:
		return fmt.Errorf("%w: op %s uses {{id}} but is not in the ledger, set ledger: true", ErrProfile, op.Name)
	case (r.uses[partUser] || r.uses[partToken]) && p.Users <= 0:
		return fmt.Errorf("%w: op %s uses a user but the profile has none, set users", ErrProfile, op.Name)
	case r.uses[partToken] && s.Len() < p.Users:
		return fmt.Errorf("%w: op %s uses {{token}} but only %d of %d users are logged in, give the profile a login request", ErrProfile, op.Name, s.Len(), p.Users)
	}
	return nil
}
