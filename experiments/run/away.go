package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"gauntlet/compose"
	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/loadgen"
	"gauntlet/loadgen/outpost"
)

// opsOf lists the operations of a load with their rates, also those of other kinds of clients, and what comes from which region.
func opsOf(p loadgen.Profile) ([]history.OpInfo, []history.RegionRate) {
	if len(p.Clients) == 0 {
		return mixOf(p), nil
	}
	parts, err := p.Spread(p.Clients)
	if err != nil {
		return mixOf(p), nil // the experiment was refused for it
	}
	var out []history.OpInfo
	var regions []history.RegionRate
	for i, part := range parts {
		for _, op := range mixOf(part) {
			k := slices.IndexFunc(out, func(o history.OpInfo) bool { return o.Name == op.Name })
			if k < 0 {
				out = append(out, op)
			} else {
				out[k].Rate += op.Rate
			}
			regions = append(regions, history.RegionRate{Class: op.Class, Region: p.Clients[i].Region, Rate: op.Rate})
		}
	}
	return out, regions
}

func mixOf(p loadgen.Profile) []history.OpInfo {
	var weights float64
	for _, op := range p.Ops {
		weights += op.Weight
	}
	var out []history.OpInfo
	for _, op := range p.Ops {
		out = append(out, history.OpInfo{Name: op.Name, Class: op.Class, Rate: p.Rate * op.Weight / weights, Ledger: op.Ledger})
	}
	return out
}

// loadAway has the clients in the regions' containers send the load, each its part, and takes their samples in.
func (r *runner) loadAway(ctx context.Context, rec *recorder, sessions loadgen.Sessions, begin time.Duration) (map[string]uint64, error) {
	clients := r.exp.Load.Clients
	parts, err := r.exp.Schedule().Spread(clients)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	planned := map[string]uint64{}
	emit := func(s loadgen.Sample) {
		mu.Lock()
		defer mu.Unlock()
		rec.sample(s)
	}
	g, ctx := errgroup.WithContext(ctx)
	for i, part := range parts {
		g.Go(func() error {
			rep, err := r.from(ctx, rec, clients[i], outpost.Order{
				Profile: part, Region: clients[i].Region, Tokens: sessions.Tokens(), FirstID: uint64(i + 1), IDStep: uint64(len(parts)), Start: begin, Length: r.exp.Length(),
			}, emit)
			mu.Lock()
			defer mu.Unlock()
			for op, n := range rep.Planned {
				planned[op] += n
			}
			return err
		})
	}
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		return planned, err
	}
	return planned, nil
}

// from has one kind of clients send its part.
func (r *runner) from(ctx context.Context, rec *recorder, who loadgen.Away, o outpost.Order, emit func(loadgen.Sample)) (loadgen.Report, error) {
	addr := ""
	for _, c := range r.on {
		for _, published := range c.Ports {
			if c.Clients == who.Region {
				addr = published
			}
		}
	}
	if addr == "" {
		return loadgen.Report{}, fmt.Errorf("no container plays clients of region %q", who.Region)
	}
	post, err := outpost.Dial(ctx, addr, r.origin)
	if err != nil {
		return loadgen.Report{}, err
	}
	defer post.Close()
	rec.note(history.NoteInfo, fmt.Sprintf("clients of region %s: their clock was compared to within %.1f ms", who.Region, float64(post.Within.Microseconds())/1000))
	return post.Run(ctx, o, emit)
}

// withLookups adds to a name server whom clients of each region look up there, and what the answers mean.
func withLookups(e probe.Endpoint, c compose.Container, on []compose.Container) probe.Endpoint {
	if c.Names == "" {
		return e
	}
	e.Sites = map[string]string{}
	for _, other := range on {
		e.Sites[other.IP] = other.Name
		if from, err := netip.ParseAddr(other.IP); err == nil && other.Clients != "" {
			e.Lookups = append(e.Lookups, probe.Lookup{Region: other.Clients, Name: c.Names, From: from})
		}
	}
	return e
}
