package autoscaler

import (
	"strings"
	"testing"
	"time"
)

// The file that is shipped with the topologies has the numbers of the rule that it stands for.
func TestTheShippedRules(t *testing.T) {
	got, err := ReadRules("../../compose/images/autoscaler.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := []Rule{
		{Tier: "worker", Measure: QueueDepth, Out: Bound{1000, 0, 2}, In: Bound{100, 0, 1}, Min: 2, Max: 6, Cooldown: 30 * time.Second, Drain: 10 * time.Second},
		{Tier: "web", Measure: CPU, Out: Bound{0.6, 5 * time.Minute, 1}, In: Bound{0.2, 10 * time.Minute, 1}, Min: 3, Max: 6, Cooldown: time.Minute, Drain: 10 * time.Second},
	}
	if got.Every != time.Second || len(got.Rules) != len(want) {
		t.Fatalf("rules = %+v", got)
	}
	for i, r := range got.Rules {
		if r != want[i] {
			t.Errorf("rule %d = %+v, want %+v", i, r, want[i])
		}
	}
	short := got.Scaled(10).Rules[1]
	if short.Out.For != 30*time.Second || short.In.For != time.Minute || short.Cooldown != 6*time.Second || short.Drain != 10*time.Second || short.Out.At != 0.6 {
		t.Errorf("at a tenth of the time: %+v", short)
	}
}

const goodRule = `rules:
  - tier: worker
    measure: queue_depth
    out: {above: 1000, add: 2}
    in: {below: 100, remove: 1}
    min: 2
    max: 6
`

func TestRulesThatAreWrong(t *testing.T) {
	if _, err := ParseRules("x.yaml", []byte(goodRule)); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"tier: worker", "teir: worker", `x.yaml:2: unknown key "teir"`},
		{"tier: worker", "teir: worker", "x.yaml:2: tier is missing"},
		{"above: 1000", "above: lots", `x.yaml:4: above is "lots", which can't be read: write a number`},
		{"above: 1000", "above: 50", "x.yaml:2: in: below is 100 and out: above is 50"},
		{"add: 2", "add: 0", "x.yaml:2: add and remove must be at least 1"},
		{"add: 2", "add: 2, for: 5", `x.yaml:4: for is "5", which can't be read: write a time such as 30s or 5m`},
		{"queue_depth", "length", `x.yaml:2: measure is "length"; write queue_depth or cpu`},
		{"queue_depth", "cpu", "x.yaml:2: out: above is 1000; the share of a processor is at most 1"},
		{"max: 6", "max: 1", "x.yaml:2: min is 2 and max 1"},
		{"max: 6", "max: 6\n    max: 7", `x.yaml:8: key "max" is there twice`},
		{"max: 6", "max: 6\n    drain: 1h", "drain is 1h0m0s"},
		{"rules:", "every: 1h\nrules:", "x.yaml:1: every is 1h0m0s; write 100ms to 1m"},
		{goodRule, "rules: 3", "x.yaml:1: rules must be a list"},
		{goodRule, "", "x.yaml: it is empty"},
		{goodRule, "a: [", "x.yaml: "},
	} {
		_, err := ParseRules("x.yaml", []byte(strings.Replace(goodRule, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: %v, want %s", c.new, c.old, err, c.want)
		}
	}
}

func TestEverythingThatIsWrongIsSaidAtOnce(t *testing.T) {
	text := strings.NewReplacer("worker", "''", "max: 6", "max: 99").Replace(goodRule)
	_, err := ParseRules("x.yaml", []byte(text))
	if err == nil || len(strings.Split(err.Error(), "\n")) != 2 {
		t.Errorf("%v, want two lines", err)
	}
}

func TestConfig(t *testing.T) {
	env := map[string]string{"APP_NAME": "autoscaler", "APP_RULES": "../../compose/images/autoscaler.yaml", "APP_DATABASES": "db1=10.0.0.1:5432", "APP_BROKERS": "10.0.0.2:5672", "APP_TIME_SCALE": "10", "APP_ADDRESSES": "10.0.0.200-10.0.0.201"}
	get := func(name string) string { return env[name] }
	c, err := readConfig(get)
	if err != nil || c.rules.Rules[1].Out.For != 30*time.Second {
		t.Fatalf("config = %+v, %v", c, err)
	}
	for name, value := range map[string]string{"APP_NAME": "", "APP_RULES": "none.yaml", "APP_BROKERS": "x", "APP_DATABASES": "", "APP_TIME_SCALE": "0.1", "APP_ADDRESSES": "10.0.0.9-10.0.0.1"} {
		before := env[name]
		env[name] = value
		if _, err := readConfig(get); err == nil || name != "APP_RULES" && !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%q: %v", name, value, err)
		}
		env[name] = before
	}
}

func TestAddressesOfNewContainers(t *testing.T) {
	a, err := parseAddresses("10.0.0.200-10.0.0.201")
	if err != nil {
		t.Fatal(err)
	}
	on := []Container{{IP: "10.0.0.21"}}
	for _, want := range []string{"10.0.0.200", "10.0.0.201"} {
		got, err := a.free(on)
		if err != nil || got != want {
			t.Errorf("free = %s, %v, want %s", got, err, want)
		}
		on = append(on, Container{IP: got})
	}
	if got, err := a.free(on); err == nil {
		t.Errorf("free = %s, want an error: all are taken", got)
	}
	if got, err := (addresses{}).free(on); got != "" || err != nil {
		t.Errorf("no range: %q, %v, want the engine's choice", got, err)
	}
}
