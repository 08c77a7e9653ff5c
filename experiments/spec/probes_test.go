package spec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const probed = `scrape:
  - {service: web1, port: 8080}
probes:
  - {name: waiting, kind: promql, query: "sum(orders_waiting)", unit: count, take: mean}
  - {name: hits, kind: promql, query: "hits:ratio", unit: ratio, better: more}
`

func TestProbesAreRead(t *testing.T) {
	text := probed + strings.Replace(good, "goals:\n", "goals:\n  - {metric: waiting, at_most: 12}\n  - {metric: hits, at_least: 0.8}\n", 1)
	e, err := Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if want := []Probe{{"waiting", "sum(orders_waiting)", "count", false, TakeMean}, {"hits", "hits:ratio", "ratio", true, TakeWorst}}; !slices.Equal(e.Probes, want) {
		t.Errorf("probes %+v, want %+v", e.Probes, want)
	}
	if len(e.Scrapes) != 1 || e.Scrapes[0] != (Scrape{"web1", 8080, "/metrics"}) {
		t.Errorf("scrape %+v", e.Scrapes)
	}
	if g := e.Goals[0]; g.Metric != "waiting" || *g.AtMost != 12 || g.Text != "at most 12" {
		t.Errorf("goal %+v", g)
	}
	if s := e.Plan().String(); !strings.Contains(s, `probe: waiting = "sum(orders_waiting)", mean of count`) {
		t.Errorf("the plan does not name the probe:\n%s", s)
	}
}

func TestErrorsOfProbes(t *testing.T) {
	for _, c := range []errorCase{
		{"no query", `query: "sum(orders_waiting)", `, "", `4:5: query is missing; write PromQL, such as query: sum(orders_waiting)`},
		{"bad query", "sum(orders_waiting)", "sum(", `4:42: query: 1:5: parse error: unclosed left parenthesis; mend the PromQL; quote it if it has a colon or begins with {`},
		{"range", "sum(orders_waiting)", "orders_waiting[5m]", `4:42: query: it gives a range vector, not a value at a time; mend the PromQL; quote it if it has a colon or begins with {`},
		{"kind", "waiting, kind: promql", "waiting, kind: sql", `4:27: unknown kind "sql"; there are: promql`},
		{"unit", "unit: count", "unit: jobs", `4:71: unknown unit "jobs"; there are: seconds, ratio, count, bytes`},
		{"name of a metric", "name: waiting", "name: failover", `4:12: probe "failover" has the name of a metric; give it another name`},
		{"name of a class's metric", "name: waiting", "name: write_outage", `4:12: probe "write_outage" has the name of a metric; give it another name`},
		{"twice", "name: hits", "name: waiting", `5:12: probe "waiting" is there twice; give each a name of its own`},
		{"no such service", "service: web1", "service: web7", `2:15: topology replicated has no service "web7"; did you mean "web1"? there are: db1, db2, db3, etcd1, etcd2, etcd3, lb, seed, web1, web2, web3`},
		{"no port", ", port: 8080", "", `2:5: port is missing; say on which port of the container, such as port: 9100`},
		{"path", "port: 8080", "port: 8080, path: metrics", `2:39: path "metrics" is not absolute; begin it with /`},
		{"bound without a unit", "availability, at_least: 0.99", "hits, at_least: 7", `13:30: at_least: "7" is not in the unit of hits, a ratio; write the ratio 0.07`},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, probed+good) })
	}
	errorCase{"nobody reads it", "goals:", "scrape: [{service: web1, port: 8080}]\ngoals:",
		`7:9: scrape without probes or alerts has no effect; add probes or alerts that read it`}.check(t, good)
}

// A run uses the rules that were checked, also if the file is another one by then.
func TestRuleFilesAreReadOnce(t *testing.T) {
	dir := t.TempDir()
	rules, file := filepath.Join(dir, "r.yaml"), filepath.Join(dir, "x.yaml")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(rules, "groups: [{name: a, rules: [{alert: First, expr: up == 0}]}]\n")
	write(file, "alerts: [r.yaml]\n"+good)
	e, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	write(rules, "groups: [{name: a, rules: [{alert: Second, expr: up == 0}]}]\n")
	_, got, err := e.AlertRules()
	if err != nil || !slices.Equal(got.Alerts(), []string{"First"}) {
		t.Errorf("alerts %v, error %v; want those that were loaded", got.Alerts(), err)
	}
}

// An experiment's load lets overdue requests go without a burst, unless it says otherwise, and has connections for all that can be
// on their way.
func TestLoadsHaveNoBurstByDefault(t *testing.T) {
	for _, c := range []struct {
		load        string
		catchUp     float64
		connections int
	}{
		{"{workload: reference}", 1.2, 170},
		{"{workload: reference, catch_up: 0, connections: 64}", 0, 64},
		{"{workload: reference, rate: 40/s}", 1.2, 64},
		{"{workload: reference, timeout: 60s, rate: 1000/s}", 1.2, 1000},
		{"{workload: reference, catch_up: 3}", 3, 170},
	} {
		e, err := Parse("x.yaml", []byte(strings.Replace(good, "{workload: reference}", c.load, 1)))
		if err != nil || e.Load.CatchUp != c.catchUp || e.Load.Connections != c.connections {
			t.Errorf("%s: catch up %g, %d connections, error %v; want %g and %d", c.load, e.Load.CatchUp, e.Load.Connections, err, c.catchUp, c.connections)
		}
	}
}
