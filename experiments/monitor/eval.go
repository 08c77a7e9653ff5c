package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
)

// States of an alert.
const (
	Inactive = "inactive"
	Pending  = "pending"
	Firing   = "firing"
)

// Transition is a change of an alert's state, at the evaluation that saw it.
type Transition struct {
	At     time.Time
	Alert  string
	Labels string // without the alert's name, such as {severity="page"}
	To     string // one of the states
	Value  float64
}

// Evaluator evaluates rules on a store, as Prometheus does: an alert is pending from its first true evaluation and fires at the
// first for which it has been so long. Use it from one goroutine.
type Evaluator struct {
	store  *Store
	groups []*evaluated
}

// evaluated is a group under evaluation.
type evaluated struct {
	name   string
	every  time.Duration
	next   time.Time
	rules  []rules.Rule
	series []map[string]labels.Labels // of each rule: what it wrote the last time
	states []map[string]string        // of each rule: its alerts by labels
}

// NewEvaluator prepares the evaluation of r on s. The first is due at once.
func NewEvaluator(s *Store, r Rules) *Evaluator {
	e := &Evaluator{store: s}
	for _, g := range r.groups {
		built := g.build(r.shorter)
		e.groups = append(e.groups, &evaluated{
			name: g.name, every: g.every, rules: built, series: make([]map[string]labels.Labels, len(built)), states: make([]map[string]string, len(built)),
		})
	}
	return e
}

// Eval evaluates the groups that are due at the time. What a rule writes is in the store when the next one is evaluated. The
// error joins those of all rules that could not be evaluated; the states of their alerts stay.
func (e *Evaluator) Eval(ctx context.Context, at time.Time) ([]Transition, error) {
	var out []Transition
	var errs []error
	for _, g := range e.groups {
		if at.Before(g.next) {
			continue
		}
		if g.next.IsZero() {
			g.next = at
		}
		for !g.next.After(at) { // an evaluation that is missed is missed
			g.next = g.next.Add(g.every)
		}
		for i := range g.rules {
			changes, err := e.eval(ctx, g, i, at)
			out = append(out, changes...)
			if err != nil {
				errs = append(errs, fmt.Errorf("rule %s: %w", g.rules[i].Name(), err))
			}
		}
	}
	return out, errors.Join(errs...)
}

func (e *Evaluator) eval(ctx context.Context, g *evaluated, i int, at time.Time) ([]Transition, error) {
	vec, err := g.rules[i].Eval(ctx, 0, at, e.store.query, &url.URL{}, 0)
	if err != nil {
		return nil, err
	}
	written := map[string]labels.Labels{}
	var all []sample
	for _, s := range vec {
		written[s.Metric.String()] = s.Metric
		all = append(all, sample{s.Metric, s.F})
	}
	for name, l := range g.series[i] {
		if _, ok := written[name]; !ok {
			all = append(all, stale(l))
		}
	}
	g.series[i] = written
	return g.changes(i, at), e.store.append(ctx, at, all)
}

// changes compares the alerts of a rule with those of the last evaluation.
func (g *evaluated) changes(i int, at time.Time) []Transition {
	rule, ok := g.rules[i].(*rules.AlertingRule)
	if !ok {
		return nil
	}
	now := map[string]string{}
	var out []Transition
	for _, a := range rule.ActiveAlerts() {
		l, state := labels.NewBuilder(a.Labels).Del(labels.AlertName).Labels().String(), Pending
		if a.State == rules.StateFiring {
			state = Firing
		}
		if now[l] = state; g.states[i][l] != state {
			out = append(out, Transition{at, rule.Name(), l, state, a.Value})
		}
	}
	for l := range g.states[i] {
		if now[l] == "" {
			out = append(out, Transition{At: at, Alert: rule.Name(), Labels: l, To: Inactive})
		}
	}
	g.states[i] = now
	slices.SortFunc(out, func(a, b Transition) int { return strings.Compare(a.Labels, b.Labels) })
	return out
}
