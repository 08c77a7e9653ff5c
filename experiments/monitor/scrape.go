package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// Target is where to scrape.
type Target struct {
	Job, Instance string
	URL           string
}

// bodyLimit bounds what is read of a target.
const bodyLimit = 4 << 20

// Scraper asks targets for their metrics. Use it from one goroutine.
type Scraper struct {
	store   *Store
	targets []*target
}

type target struct {
	Target
	client *http.Client
	last   map[string]labels.Labels // series of the last scrape
}

// NewScraper prepares scraping into s. Each target has a connection of its own, and limit for an answer.
func NewScraper(s *Store, targets []Target, limit time.Duration) *Scraper {
	out := &Scraper{store: s}
	for _, t := range targets {
		tr := &http.Transport{DialContext: (&net.Dialer{Timeout: limit}).DialContext, MaxConnsPerHost: 1, MaxIdleConnsPerHost: 1}
		out.targets = append(out.targets, &target{Target: t, client: &http.Client{Transport: tr, Timeout: limit}})
	}
	return out
}

// Scrape asks all targets side by side and keeps what they say as of the time at. A target that does not answer is up 0, and its
// series end, as in Prometheus. The error is of the store.
func (s *Scraper) Scrape(ctx context.Context, at time.Time) error {
	got := make([][]sample, len(s.targets))
	var wg sync.WaitGroup
	for i, t := range s.targets {
		wg.Go(func() { got[i] = t.scrape(ctx) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil // what was cut short says nothing
	}
	var all []sample
	for _, g := range got {
		all = append(all, g...)
	}
	return s.store.append(ctx, at, all)
}

// Close frees the connections.
func (s *Scraper) Close() {
	for _, t := range s.targets {
		t.client.CloseIdleConnections()
	}
}

// scrape asks once. Series that were there the last time and no more are ended.
func (t *target) scrape(ctx context.Context) []sample {
	body, kind, err := t.get(ctx)
	var all []sample
	if err == nil {
		all, err = t.parse(body, kind)
	}
	up := 1.0
	if err != nil {
		up, all = 0, nil
	}
	now := map[string]labels.Labels{}
	for _, x := range all {
		now[x.labels.String()] = x.labels
	}
	for name, l := range t.last {
		if _, ok := now[name]; !ok {
			all = append(all, stale(l))
		}
	}
	t.last = now
	return append(all, sample{labels.FromStrings(model.MetricNameLabel, "up", "instance", t.Instance, "job", t.Job), up})
}

func (t *target) get(ctx context.Context) ([]byte, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.URL, nil)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept", "text/plain;version=0.0.4")
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s answered %s", t.URL, resp.Status)
	}
	return body, resp.Header.Get("Content-Type"), err
}

// parse reads the text format, whatever the target calls it.
func (t *target) parse(body []byte, kind string) ([]sample, error) {
	p, err := textparse.New(body, kind, labels.NewSymbolTable(), textparse.ParserOptions{FallbackContentType: "text/plain"})
	if p == nil {
		return nil, err
	}
	var all []sample
	b := labels.NewBuilder(labels.EmptyLabels())
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		_, _, v := p.Series()
		var l labels.Labels
		p.Labels(&l)
		b.Reset(l)
		for _, own := range []labels.Label{{Name: "instance", Value: t.Instance}, {Name: "job", Value: t.Job}} {
			if said := l.Get(own.Name); said != "" {
				b.Set("exported_"+own.Name, said)
			}
			b.Set(own.Name, own.Value)
		}
		all = append(all, sample{b.Labels(), v})
	}
}
