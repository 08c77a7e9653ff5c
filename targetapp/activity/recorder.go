package activity

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Appender takes entries, once each however often they are sent; Log is one.
type Appender interface {
	AppendAll(ctx context.Context, all []New) ([]string, error)
}

const (
	waiting    = 4096 // entries
	batch      = 64
	retryPause = 200 * time.Millisecond
	flushLimit = 2 * time.Second // for what waits when the node stops
)

// Recorder appends what was done already, and for which nobody waits. While the store fails, entries wait in memory; those beyond
// 4,096, and those that wait when the node dies, are lost, and the former counted. Make one with NewRecorder, and run it.
type Recorder struct {
	to      Appender
	queue   chan New
	written atomic.Int64
	dropped atomic.Int64
}

// NewRecorder appends to a store.
func NewRecorder(to Appender) *Recorder { return &Recorder{to: to, queue: make(chan New, waiting)} }

// Note takes an entry and returns at once.
func (r *Recorder) Note(user int64, action, ref string) {
	select {
	case r.queue <- New{Op: rand.Text(), At: time.Now().UTC(), User: user, Action: action, Ref: ref}:
	default:
		r.dropped.Add(1)
	}
}

// Run appends until ctx ends, and then what still waits, for at most two seconds.
func (r *Recorder) Run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case first := <-r.queue:
			r.append(ctx, r.more(first))
		}
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushLimit)
	defer cancel()
	for end.Err() == nil {
		select {
		case first := <-r.queue:
			r.append(end, r.more(first))
		default:
			return
		}
	}
}

// more is what waits behind first, up to a batch.
func (r *Recorder) more(first New) []New {
	all := []New{first}
	for len(all) < batch {
		select {
		case n := <-r.queue:
			all = append(all, n)
		default:
			return all
		}
	}
	return all
}

// append repeats itself until the store has the entries. When ctx ends it tries once more.
func (r *Recorder) append(ctx context.Context, all []New) {
	for {
		if _, err := r.to.AppendAll(context.WithoutCancel(ctx), all); err == nil {
			r.written.Add(int64(len(all)))
			return
		}
		if ctx.Err() != nil {
			r.dropped.Add(int64(len(all)))
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryPause):
		}
	}
}

var (
	descWritten = prometheus.NewDesc("app_activity_written_total", "Entries of the activity log that were written after the fact.", nil, nil)
	descDropped = prometheus.NewDesc("app_activity_dropped_total", "Entries of the activity log that were given up.", nil, nil)
	descWaiting = prometheus.NewDesc("app_activity_waiting", "Entries of the activity log that wait for the store.", nil, nil)
)

// Describe implements prometheus.Collector.
func (r *Recorder) Describe(ch chan<- *prometheus.Desc) {
	ch <- descWritten
	ch <- descDropped
	ch <- descWaiting
}

// Collect implements prometheus.Collector.
func (r *Recorder) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(descWritten, prometheus.CounterValue, float64(r.written.Load()))
	ch <- prometheus.MustNewConstMetric(descDropped, prometheus.CounterValue, float64(r.dropped.Load()))
	ch <- prometheus.MustNewConstMetric(descWaiting, prometheus.GaugeValue, float64(len(r.queue)))
}
