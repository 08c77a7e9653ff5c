package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	promengine "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// Store is a Prometheus database with its query engine.
type Store struct {
	db     *tsdb.DB
	query  rules.QueryFunc
	remove string // folder to remove at the end
}

// Bounds of the database's memory: a run has some thousand series for some minutes.
const (
	stripes    = 512
	chunkWrite = 64 << 10
	maxSamples = 5_000_000 // of one query
	queryLimit = 5 * time.Second
)

// Open makes or opens the database in dir, which a Prometheus can be started on afterwards.
func Open(dir string) (*Store, error) { return open(dir, tsdb.DefaultOptions()) }

// Scratch makes a database that is gone when it is closed.
func Scratch() (*Store, error) {
	dir, err := os.MkdirTemp("", "gauntlet-monitor-")
	if err != nil {
		return nil, err
	}
	opts := tsdb.DefaultOptions()
	opts.WALSegmentSize = -1 // none
	s, err := open(dir, opts)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.remove = dir
	return s, nil
}

func open(dir string, opts *tsdb.Options) (*Store, error) {
	opts.StripeSize, opts.HeadChunksWriteBufferSize, opts.NoLockfile = stripes, max(chunkWrite, chunks.MinWriteBufferSize), true
	quiet := slog.New(slog.DiscardHandler)
	db, err := tsdb.Open(dir, quiet, prometheus.NewRegistry(), opts, nil)
	if err != nil {
		return nil, fmt.Errorf("open Prometheus database %s: %w", dir, err)
	}
	engine := promengine.NewEngine(promengine.EngineOpts{
		Logger: quiet, Reg: prometheus.NewRegistry(), MaxSamples: maxSamples, Timeout: queryLimit, Parser: promql,
		EnableAtModifier: true, EnableNegativeOffset: true,
	})
	return &Store{db: db, query: rules.EngineQueryFunc(engine, db)}, nil
}

// Close writes what is in memory, and removes a Scratch.
func (s *Store) Close() error {
	err := s.db.Close()
	if s.remove != "" {
		err = errors.Join(err, os.RemoveAll(s.remove))
	}
	return err
}

// Sample is a value of a series; Labels are names and values by turns. NaN ends the series: it is gone until it comes again.
type Sample struct {
	Name   string
	Labels []string
	Value  float64
}

// sample is Sample for the database.
type sample struct {
	labels labels.Labels
	value  float64
}

// stale is the value that ends a series.
func stale(l labels.Labels) sample { return sample{l, math.Float64frombits(value.StaleNaN)} }

// Append adds samples of one moment.
func (s *Store) Append(ctx context.Context, at time.Time, all []Sample) error {
	var out []sample
	for _, x := range all {
		l := labels.FromStrings(append([]string{model.MetricNameLabel, x.Name}, x.Labels...)...)
		if math.IsNaN(x.Value) {
			out = append(out, stale(l))
			continue
		}
		out = append(out, sample{l, x.Value})
	}
	return s.append(ctx, at, out)
}

// append adds what can be added; the error joins what could not.
func (s *Store) append(ctx context.Context, at time.Time, all []sample) error {
	app := s.db.AppenderV2(ctx)
	var errs []error
	for _, x := range all {
		if _, err := app.Append(0, x.labels, 0, at.UnixMilli(), x.value, nil, nil, storage.AppendV2Options{}); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", x.labels, err))
		}
	}
	return errors.Join(append(errs, app.Commit())...)
}
