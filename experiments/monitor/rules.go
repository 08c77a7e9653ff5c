package monitor

import (
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
)

// File is a Prometheus rule file.
type File struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Reference is the rule file of the reference topologies.
var Reference = File{Name: "reference", Text: reference}

//go:embed reference.yaml
var reference string

// How often is scraped and evaluated where nothing else is said; a group may have an interval of its own. A time scale divides
// both, down to Shortest.
const (
	DefaultEvery = 5 * time.Second
	Shortest     = time.Second
)

// minScrapes is how many scrapes a range must hold for its rate to mean anything when one is missing.
const minScrapes = 4

// ErrRules is wrapped by all that is wrong with a rule file.
var ErrRules = errors.New("bad rule file")

// Rules are the groups of some rule files, parsed.
type Rules struct {
	groups []ruleGroup
	scale  float64
}

type ruleGroup struct {
	name  string
	every time.Duration
	rules []ruleSpec
}

type ruleSpec struct {
	rulefmt.Rule
	labels labels.Labels
	expr   parser.Expr
}

var promql = parser.NewParser(parser.Options{})

// Parse reads rule files. scale, from 1, divides all their times: with 10, "for: 5m" is 30 s and a rate over 1m one over 6 s, so
// that a short run can see what takes long. The error joins all that is wrong, each with file and line.
func Parse(files []File, scale float64) (Rules, error) {
	r := Rules{scale: max(1, scale)}
	var errs []error
	for _, f := range files {
		parsed, bad := rulefmt.Parse([]byte(f.Text), false, model.UTF8Validation, promql, slog.New(slog.DiscardHandler))
		for _, err := range bad {
			errs = append(errs, fmt.Errorf("%w: %s:%w", ErrRules, f.Name, err))
		}
		if len(bad) > 0 {
			continue
		}
		for _, g := range parsed.Groups {
			group, err := r.group(g)
			if err != nil {
				errs = append(errs, fmt.Errorf("%w: %s: group %s: %w", ErrRules, f.Name, g.Name, err))
			}
			r.groups = append(r.groups, group)
		}
	}
	return r, errors.Join(errs...)
}

func (r Rules) group(g rulefmt.RuleGroup) (ruleGroup, error) {
	out := ruleGroup{name: g.Name, every: r.every(time.Duration(g.Interval))}
	for _, rule := range g.Rules {
		expr, err := promql.ParseExpr(rule.Expr)
		if err != nil {
			return out, err
		}
		if err := r.shorten(expr); err != nil {
			return out, fmt.Errorf("rule %s: %w", rule.Record+rule.Alert, err)
		}
		all := map[string]string{}
		for k, v := range g.Labels {
			all[k] = v
		}
		for k, v := range rule.Labels {
			all[k] = v
		}
		out.rules = append(out.rules, ruleSpec{rule, labels.FromMap(all), expr})
	}
	return out, nil
}

// every is a group's interval in scaled time.
func (r Rules) every(interval time.Duration) time.Duration {
	if interval == 0 {
		interval = DefaultEvery
	}
	return max(Shortest, r.shorter(interval))
}

// Scrape is how often to scrape.
func (r Rules) Scrape() time.Duration { return max(Shortest, r.shorter(DefaultEvery)) }

func (r Rules) shorter(d time.Duration) time.Duration {
	return (time.Duration(float64(d) / r.scale)).Round(time.Millisecond)
}

// window scales a range, which keeps at least minScrapes scrapes.
func (r Rules) window(d time.Duration) time.Duration {
	return min(d, max(r.shorter(d), minScrapes*r.Scrape()))
}

// shorten scales the times in an expression.
func (r Rules) shorten(expr parser.Expr) error {
	if r.scale == 1 {
		return nil
	}
	var err error
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.MatrixSelector:
			if n.RangeExpr != nil {
				err = errors.New("a range that is computed can't be scaled; write it out, or run without time_scale")
			}
			n.Range = r.window(n.Range)
		case *parser.SubqueryExpr:
			n.Range, n.Step, n.OriginalOffset = r.window(n.Range), r.shorter(n.Step), r.shorter(n.OriginalOffset)
		case *parser.VectorSelector:
			n.OriginalOffset = r.shorter(n.OriginalOffset)
		}
		return nil
	})
	return err
}

// Alerts are the names of the alerts, in the order of the files, each once.
func (r Rules) Alerts() []string {
	var out []string
	for _, g := range r.groups {
		for _, rule := range g.rules {
			if rule.Alert != "" && !slices.Contains(out, rule.Alert) {
				out = append(out, rule.Alert)
			}
		}
	}
	return out
}

// Reads are the names of the series that an alert reads, also through recording rules.
func (r Rules) Reads(alert string) []string {
	recorded := map[string][]string{}
	var out []string
	for _, g := range r.groups {
		for _, rule := range g.rules {
			if rule.Record != "" {
				recorded[rule.Record] = append(recorded[rule.Record], selected(rule.expr)...)
			}
			if rule.Alert == alert {
				out = append(out, selected(rule.expr)...)
			}
		}
	}
	for i := 0; i < len(out) && i < 1000; i++ { // a rule may read itself
		if of, ok := recorded[out[i]]; ok {
			out = append(out, of...)
		}
	}
	out = slices.DeleteFunc(out, func(name string) bool { _, ok := recorded[name]; return ok })
	slices.Sort(out)
	return slices.Compact(out)
}

// selected are the names of the series in an expression; a selector without a name is "".
func selected(expr parser.Expr) []string {
	var out []string
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			out = append(out, v.Name)
		}
		return nil
	})
	return out
}

// build makes Prometheus' own rules.
func (g ruleGroup) build(scale func(time.Duration) time.Duration) []rules.Rule {
	var out []rules.Rule
	for _, r := range g.rules {
		if r.Record != "" {
			out = append(out, rules.NewRecordingRule(r.Record, r.expr, r.labels))
			continue
		}
		out = append(out, rules.NewAlertingRule(r.Alert, r.expr, scale(time.Duration(r.For)), scale(time.Duration(r.KeepFiringFor)),
			r.labels, labels.FromMap(r.Annotations), labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler)))
	}
	return out
}

// Summary says in a line what the rules are.
func (r Rules) Summary() string {
	s := "alerts: " + strings.Join(r.Alerts(), ", ")
	if r.scale > 1 {
		s += fmt.Sprintf("; all their times are divided by %g", r.scale)
	}
	return s
}
