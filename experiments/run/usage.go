package run

import (
	"context"
	"sync"
	"time"

	"gauntlet/compose"
	"gauntlet/experiments/probe"
)

// usageEvery is how often each container is asked what it uses: each answer costs the engine some milliseconds.
const usageEvery = 5 * time.Second

// usageAsks is how many containers are asked at the same time.
const usageAsks = 2

// usage records what the containers use until ctx ends.
func (r *runner) usage(ctx context.Context, rec *recorder) {
	tick := time.NewTicker(usageEvery)
	defer tick.Stop()
	last := map[string]compose.Usage{}
	on := r.on
	for {
		on = r.present(ctx, on)
		r.askUsage(ctx, rec, on, last)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// inventory is a stack whose containers may come and go while it runs; compose.Stack is one.
type inventory interface {
	Inventory(ctx context.Context) ([]compose.Container, error)
}

// present are the containers that are there now, with those that an autoscaler made; those of before where that can't be told.
func (r *runner) present(ctx context.Context, before []compose.Container) []compose.Container {
	s, ok := r.stack.(inventory)
	if !ok {
		return before
	}
	now, err := s.Inventory(ctx)
	if err != nil {
		return before
	}
	return now
}

// askUsage asks all containers once, a few at a time. last is what they said before.
func (r *runner) askUsage(ctx context.Context, rec *recorder, on []compose.Container, last map[string]compose.Usage) {
	var mu sync.Mutex
	var asking sync.WaitGroup
	places := make(chan struct{}, usageAsks)
	for _, c := range on {
		places <- struct{}{}
		asking.Go(func() {
			defer func() { <-places }()
			began := rec.now()
			now, err := r.engine.Usage(ctx, c.ID)
			mu.Lock()
			defer mu.Unlock()
			before, known := last[c.ID]
			if delete(last, c.ID); err != nil {
				return // it is down, which the engine's events say
			}
			last[c.ID] = now
			for _, p := range usagePoints(c.Name, before, now, known) {
				p.At, p.Took = rec.now(), rec.now()-began
				rec.Point(p)
			}
		})
	}
	asking.Wait()
}

// usagePoints are what is known from two answers. A container that was started anew counts from nothing.
func usagePoints(name string, before, now compose.Usage, known bool) []probe.Point {
	out := []probe.Point{{Metric: probe.ContainerMemory, Target: name, Value: float64(now.Memory)}}
	took := now.ReadAt.Sub(before.ReadAt).Seconds()
	if !known || took <= 0 || now.CPU < before.CPU || now.Received < before.Received || now.Sent < before.Sent {
		return out
	}
	return append(out,
		probe.Point{Metric: probe.ContainerCPU, Target: name, Value: (now.CPU - before.CPU).Seconds() / took},
		probe.Point{Metric: probe.ContainerReceived, Target: name, Value: float64(now.Received-before.Received) / took},
		probe.Point{Metric: probe.ContainerSent, Target: name, Value: float64(now.Sent-before.Sent) / took})
}
