package autoscaler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"gauntlet/targetapp/broker"
)

// askLimit bounds a question to one node.
const askLimit = 500 * time.Millisecond

// Backlog counts the jobs that wait in the database; postgres.Outbox is one.
type Backlog interface {
	Waiting(ctx context.Context) (int, error)
}

// depth is how many jobs wait for a worker: those that the broker has, and those that wait in the outbox to be brought there, which is
// where they pile up when all workers are gone.
type depth struct {
	outbox Backlog
	queue  func(ctx context.Context) (int, error)
}

func (d *depth) read(ctx context.Context) (float64, error) {
	inQueue, err := d.queue(ctx)
	if err != nil {
		return 0, fmt.Errorf("depth of the queue: %w", err)
	}
	inOutbox, err := d.outbox.Waiting(ctx)
	if err != nil {
		return 0, fmt.Errorf("depth of the outbox: %w", err)
	}
	return float64(inQueue + inOutbox), nil
}

// queueDepth asks the broker, on one connection while it lasts.
func queueDepth(nodes []string) (read func(ctx context.Context) (int, error), closer func()) {
	q := broker.NewGauge(nodes)
	return func(ctx context.Context) (int, error) { return q.Depth(ctx, broker.Work) }, q.Close
}

// processors knows how much of their processors the nodes of a tier use, by what they say themselves.
type processors struct {
	http *http.Client
	last map[string]cpuTime // by container
}

// cpuTime is what a node has used of its processors since it started.
type cpuTime struct {
	Seconds float64 `json:"seconds"`
	Cores   float64 `json:"cores"` // that it may use at a time
	at      time.Time
}

func newProcessors() *processors {
	return &processors{http: &http.Client{Timeout: askLimit}, last: map[string]cpuTime{}}
}

// errNoShare means that no node has said twice what it has used.
var errNoShare = errors.New("no node has said yet how busy it is")

// read is the mean share, in [0,1], of those that answered now and at the last look. One that does not answer serves nobody.
func (p *processors) read(ctx context.Context, on []Container) (float64, error) {
	now := p.ask(ctx, on)
	sum, n := 0.0, 0
	for id, t := range now {
		if share, ok := t.since(p.last[id]); ok {
			sum, n = sum+share, n+1
		}
	}
	p.last = now
	if n == 0 {
		return 0, errNoShare
	}
	return sum / float64(n), nil
}

// since is the share that was used since before; false if that can't be told, such as after a restart.
func (t cpuTime) since(before cpuTime) (float64, bool) {
	took, used := t.at.Sub(before.at).Seconds(), t.Seconds-before.Seconds
	if before.at.IsZero() || took <= 0 || used < 0 || t.Cores <= 0 {
		return 0, false
	}
	return min(1, used/took/t.Cores), true
}

// ask asks all nodes at once.
func (p *processors) ask(ctx context.Context, on []Container) map[string]cpuTime {
	var mu sync.Mutex
	var asking sync.WaitGroup
	out := map[string]cpuTime{}
	for _, c := range on {
		url := c.url("/route")
		if url == "" {
			continue
		}
		asking.Go(func() {
			t, err := p.one(ctx, url)
			if err != nil {
				return // it is not counted
			}
			mu.Lock()
			defer mu.Unlock()
			out[c.ID] = t
		})
	}
	asking.Wait()
	return out
}

func (p *processors) one(ctx context.Context, url string) (cpuTime, error) {
	var says struct{ CPU *cpuTime }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return cpuTime{}, err
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return cpuTime{}, err
	}
	defer resp.Body.Close()
	err = json.NewDecoder(resp.Body).Decode(&says)
	if err != nil || says.CPU == nil {
		return cpuTime{}, errors.Join(err, errNoShare)
	}
	says.CPU.at = time.Now()
	return *says.CPU, nil
}
