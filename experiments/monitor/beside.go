package monitor

import (
	_ "embed"
	"encoding/json"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

//go:embed beside.yaml
var beside string

// Beside are the rules of a Prometheus that stands beside a running topology: those of the reference, and what they need there.
// Alerts that such a topology could never have, or would always have, are left out: replicas says whether its database has any,
// balanced whether a load balancer counts its errors. scale divides all times, as that of Parse.
func Beside(scale float64, replicas, balanced bool) (Rules, error) {
	r, err := Parse([]File{Reference, {Name: "beside", Text: beside}}, scale)
	if err != nil {
		return Rules{}, err
	}
	var out []string
	if !replicas {
		out = append(out, "ReplicationLag")
	}
	if balanced {
		out = append(out, "HighErrorRatioAtWeb")
	} else {
		out = append(out, "HighErrorRatio", "ErrorBudgetBurn")
	}
	for i := range r.groups {
		g := &r.groups[i]
		g.rules = slices.DeleteFunc(g.rules, func(s ruleSpec) bool { return slices.Contains(out, s.Alert) })
	}
	return r, nil
}

// The types below are a rule file.
type (
	fileText struct {
		Groups []groupText `json:"groups"`
	}
	groupText struct {
		Name     string     `json:"name"`
		Interval string     `json:"interval"`
		Rules    []ruleText `json:"rules"`
	}
	ruleText struct {
		Record      string            `json:"record,omitempty"`
		Alert       string            `json:"alert,omitempty"`
		Expr        string            `json:"expr"`
		For         string            `json:"for,omitempty"`
		Keep        string            `json:"keep_firing_for,omitempty"`
		Labels      map[string]string `json:"labels,omitempty"`
		Annotations map[string]string `json:"annotations,omitempty"`
	}
)

// Text is the rules as a rule file for any Prometheus, with their times scaled. It is JSON, which is YAML too.
func (r Rules) Text() (string, error) {
	var out fileText
	for _, g := range r.groups {
		group := groupText{Name: g.name, Interval: model.Duration(g.every).String()}
		for _, s := range g.rules {
			group.Rules = append(group.Rules, ruleText{
				Record: s.Record, Alert: s.Alert, Expr: s.expr.String(), For: r.text(s.For), Keep: r.text(s.KeepFiringFor),
				Labels: s.labels.Map(), Annotations: s.Annotations,
			})
		}
		out.Groups = append(out.Groups, group)
	}
	b, err := json.Marshal(out)
	return string(b), err
}

// text is a time of a rule, scaled; "" if it has none.
func (r Rules) text(d model.Duration) string {
	if d == 0 {
		return ""
	}
	return model.Duration(r.shorter(time.Duration(d))).String()
}
