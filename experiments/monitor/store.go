package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	promengine "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
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

// CheckQuery says what is wrong with PromQL that is to give one value per series.
func CheckQuery(query string) error {
	expr, err := promql.ParseExpr(query)
	if err != nil {
		return err
	}
	if t := expr.Type(); t != parser.ValueTypeVector && t != parser.ValueTypeScalar {
		return fmt.Errorf("it gives a %s, not a value at a time", parser.DocumentedType(t))
	}
	return nil
}

// Value is what a query gives for one series.
type Value struct {
	Labels string // without the name, such as {queue="a"}; "" if it has none
	Value  float64
}

// maxValues is how many series a query may give.
const maxValues = 20

// ErrNoValue means that a query gave nothing: the series is not there, or no more.
var ErrNoValue = errors.New("no value")

// Query asks the database what a query is worth at a time. The error is ErrNoValue if there is no series or a value is no number.
func (s *Store) Query(ctx context.Context, query string, at time.Time) ([]Value, error) {
	vec, err := s.query(ctx, query, at)
	switch {
	case err != nil:
		return nil, err
	case len(vec) == 0:
		return nil, ErrNoValue
	case len(vec) > maxValues:
		return nil, fmt.Errorf("%d series, at most %d can be kept: aggregate them, such as with sum or max", len(vec), maxValues)
	}
	var out []Value
	for _, x := range vec {
		if math.IsNaN(x.F) || math.IsInf(x.F, 0) {
			return nil, fmt.Errorf("%w: it is %v", ErrNoValue, x.F)
		}
		l := labels.NewBuilder(x.Metric).Del(model.MetricNameLabel).Labels().String()
		out = append(out, Value{strings.TrimSuffix(l, "{}"), x.F})
	}
	slices.SortFunc(out, func(a, b Value) int { return strings.Compare(a.Labels, b.Labels) })
	return out, nil
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
