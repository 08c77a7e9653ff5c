package autoscaler

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// What a rule can go by.
const (
	QueueDepth = "queue_depth" // jobs that wait for a worker, in the outbox and in the broker
	CPU        = "cpu"         // mean share, in [0,1], of the processors that the tier's containers may use
)

// Rules are what the file of thresholds says.
type Rules struct {
	Every time.Duration // between two looks, 100 ms to 1 min; default 1 s
	Rules []Rule
}

// Rule says when a tier gets more containers and when fewer.
type Rule struct {
	Tier     string
	Measure  string        // QueueDepth or CPU
	Out, In  Bound         // Out is above, In below
	Min, Max int           // containers of the tier; never fewer or more by its doing
	Cooldown time.Duration // after an action, for which nothing more is done to the tier; default 30 s
	Drain    time.Duration // how long a container may take to end by itself; default 10 s
}

// Bound is one side of a rule: beyond At for at least For, Step containers are added or removed.
type Bound struct {
	At   float64
	For  time.Duration // 0: one look is enough
	Step int
}

const (
	defaultEvery    = time.Second
	defaultCooldown = 30 * time.Second
	defaultDrain    = 10 * time.Second
	mostContainers  = 50
)

// ReadRules reads a file of rules. The error names everything that is wrong with it, each with its line.
func ReadRules(file string) (Rules, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Rules{}, fmt.Errorf("rules: %w", err)
	}
	return ParseRules(file, text)
}

// ParseRules reads the text of a file of that name.
func ParseRules(file string, text []byte) (Rules, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return Rules{}, fmt.Errorf("%s: %w", file, err)
	}
	p := &ruleParser{file: file}
	out := Rules{Every: defaultEvery}
	if len(root.Content) == 0 {
		return out, fmt.Errorf("%s: it is empty; write rules: and a list", file)
	}
	var list yaml.Node
	p.object(root.Content[0], map[string]any{"every": &out.Every, "rules": &list}, "rules")
	if out.Every < 100*time.Millisecond || out.Every > time.Minute {
		p.wrong(root.Content[0], "every is %s; write 100ms to 1m", out.Every)
	}
	for _, n := range list.Content {
		out.Rules = append(out.Rules, p.rule(n))
	}
	if list.Kind != yaml.SequenceNode || len(out.Rules) == 0 {
		p.wrong(&list, "rules must be a list of at least one rule")
	}
	return out, errors.Join(p.errs...)
}

// Scaled are the rules with all times for which something must hold divided by factor, so that a short run shows what a long one
// would.
func (r Rules) Scaled(factor float64) Rules {
	shorter := func(d time.Duration) time.Duration { return time.Duration(float64(d) / factor) }
	out := Rules{Every: r.Every}
	for _, rule := range r.Rules {
		rule.Out.For, rule.In.For, rule.Cooldown = shorter(rule.Out.For), shorter(rule.In.For), shorter(rule.Cooldown)
		out.Rules = append(out.Rules, rule)
	}
	return out
}

// ruleParser collects what is wrong.
//
// Note: the library's own strictness (KnownFields) ends where a type reads itself, and knows nothing of ranges.
type ruleParser struct {
	file string
	errs []error
}

func (p *ruleParser) wrong(at *yaml.Node, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s", p.file, max(1, at.Line), fmt.Sprintf(format, args...)))
}

// object reads a mapping into fields, by key. Keys in need must be there.
func (p *ruleParser) object(n *yaml.Node, fields map[string]any, need ...string) {
	if n.Kind != yaml.MappingNode {
		p.wrong(n, "this must be a mapping, such as key: value")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		into, ok := fields[key.Value]
		switch {
		case !ok:
			p.wrong(key, "unknown key %q", key.Value)
		case seen[key.Value]:
			p.wrong(key, "key %q is there twice", key.Value)
		default:
			if err := value.Decode(into); err != nil {
				p.wrong(value, "%s is %q, which can't be read: write %s", key.Value, value.Value, example(into))
			}
		}
		seen[key.Value] = true
	}
	for _, key := range need {
		if !seen[key] {
			p.wrong(n, "%s is missing", key)
		}
	}
}

// example is how a value of the type of into is written.
func example(into any) string {
	switch into.(type) {
	case *time.Duration:
		return "a time such as 30s or 5m"
	case *int:
		return "a whole number"
	case *float64:
		return "a number"
	}
	return "a word"
}

func (p *ruleParser) rule(n *yaml.Node) Rule {
	r := Rule{Cooldown: defaultCooldown, Drain: defaultDrain}
	var out, in yaml.Node
	before := len(p.errs)
	p.object(n, map[string]any{
		"tier": &r.Tier, "measure": &r.Measure, "out": &out, "in": &in, "min": &r.Min, "max": &r.Max, "cooldown": &r.Cooldown, "drain": &r.Drain,
	}, "tier", "measure", "out", "in", "min", "max")
	if len(p.errs) > before {
		return r
	}
	p.object(&out, map[string]any{"above": &r.Out.At, "for": &r.Out.For, "add": &r.Out.Step}, "above", "add")
	p.object(&in, map[string]any{"below": &r.In.At, "for": &r.In.For, "remove": &r.In.Step}, "below", "remove")
	if len(p.errs) == before {
		p.ranges(n, r)
	}
	return r
}

// ranges says which values can't be.
func (p *ruleParser) ranges(n *yaml.Node, r Rule) {
	check := func(ok bool, format string, args ...any) {
		if !ok {
			p.wrong(n, format, args...)
		}
	}
	check(strings.TrimSpace(r.Tier) != "", "tier is empty")
	check(r.Measure == QueueDepth || r.Measure == CPU, "measure is %q; write %s or %s", r.Measure, QueueDepth, CPU)
	check(r.Measure != CPU || r.Out.At <= 1, "out: above is %g; the share of a processor is at most 1, such as 0.6", r.Out.At)
	check(r.In.At >= 0 && r.In.At < r.Out.At, "in: below is %g and out: above is %g; the first must be less, or it never rests", r.In.At, r.Out.At)
	check(r.Out.For >= 0 && r.In.For >= 0, "for can't be negative")
	check(r.Out.Step >= 1 && r.In.Step >= 1, "add and remove must be at least 1")
	check(r.Min >= 1 && r.Min <= r.Max && r.Max <= mostContainers, "min is %d and max %d; write 1 <= min <= max <= %d", r.Min, r.Max, mostContainers)
	check(r.Cooldown >= 0, "cooldown is %s; it can't be negative", r.Cooldown)
	check(r.Drain >= time.Second && r.Drain <= time.Minute, "drain is %s; write 1s to 1m", r.Drain)
}
