package loadgen

import (
	"context"
	"errors"
	"fmt"
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
	Regions  []Region      // where the clients are; Base and Sessions then serve for what a region leaves empty
	FirstID  uint64        // ledger ids are FirstID, FirstID+IDStep, ...; 0: 1
	IDStep   uint64        // 0: 1
}

func (t Target) begin() time.Time { return t.Origin.Add(t.Start) }

// Region is one place that clients are in. A load with regions runs each operation once per region, with a pacer and
// connections of its own.
type Region struct {
	Name  string  // in Sample.Region
	Base  string  // as Target.Base, for the clients of this region
	Share float64 // of the load, > 0; shares are relative to their sum
}

// Report sums a load up.
type Report struct {
	Planned map[string]uint64 // requests per op name; each had exactly one sample
	Retried uint64            // requests that went out on a second connection although the client forbids it; 0 unless net/http changes
	Dials   uint64            // connections that were asked for
}

// Run sends the load and calls emit once per planned request, from one goroutine at a time and in order of their ends (more or
// less). A slow emit delays no request: samples wait in memory. When ctx ends Run stops at once: requests not yet due were
// never planned, those in flight get samples, and the context's error is returned beside the report.
func Run(ctx context.Context, p Profile, t Target, emit func(Sample)) (Report, error) {
	return runOver(ctx, p.Client.dialer(p.Timeout), p, t, emit)
}

// runOver is Run over a network of choice.
func runOver(ctx context.Context, dial dialFunc, p Profile, t Target, emit func(Sample)) (Report, error) {
	p, err := p.open()
	if err != nil {
		return Report{}, err
	}
	lanes, err := prepare(p, t)
	if err != nil {
		return Report{}, err
	}
	poolCtx, closePools := context.WithCancel(ctx)
	defer closePools()
	own, err := newPools(poolCtx, dial.until(ctx), p)
	if err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrProfile, err)
	}
	defer own.close()
	for _, l := range lanes {
		l.ctx, l.base = ctx, own.get(l.op.Class, l.region, 0)
		if p.Client.PerUser > 0 {
			l.pools = own
		}
		if l.gate = own.gate(l, lanes); l.gate != nil && l.pools == nil && l.visits == nil {
			l.line = newLine(l.gate)
		}
	}
	rep, err := attackAll(ctx, lanes, emit)
	rep.Dials = own.dials.Load()
	return rep, err
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
		rep.Planned[l.op.Name] += planned[i]
		rep.Retried += l.retried.Load()
	}
	for op, n := range rep.Planned {
		if told[op] != n {
			return rep, fmt.Errorf("op %s: planned %d requests but %d ended: the records are not whole", op, n, told[op])
		}
	}
	return rep, ctx.Err()
}
