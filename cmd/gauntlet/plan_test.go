package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/chaostest"
)

var updateGoldens = flag.Bool("update", false, "write the golden files in testdata")

// golden compares what was printed with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *updateGoldens {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s (-update writes it):\n%s\nwant:\n%s", file, got, want)
	}
}

// shop is a project of a primary, two replicas, and two web nodes.
func shop() *chaostest.Fake {
	at := func(last byte) []chaos.Attachment {
		return []chaos.Attachment{{Network: "shop_default", Addr: netip.AddrFrom4([4]byte{172, 20, 0, last})}}
	}
	return chaostest.NewFake(
		chaos.Container{Service: "db1", Tier: "db", Roles: []string{"postgres-primary"}, Networks: at(2), Ports: []uint16{5432}},
		chaos.Container{Service: "db2", Tier: "db", Roles: []string{"postgres-replica"}, Networks: at(3), Ports: []uint16{5432}},
		chaos.Container{Service: "db3", Tier: "db", Roles: []string{"postgres-replica"}, Networks: at(4), Ports: []uint16{5432}},
		chaos.Container{Name: "web-1", Service: "web", Index: 1, Tier: "web", Networks: at(5), Ports: []uint16{8080}, Quota: 0.5},
		chaos.Container{Name: "web-2", Service: "web", Index: 2, Tier: "web", Networks: at(6), Ports: []uint16{8080}, Quota: 0.5},
	)
}

// shopSteps has a step for each way in which a fault can be carried out and undone.
func shopSteps() []chaos.Step {
	primary, web, one := chaos.Selector{Role: "postgres-primary"}, chaos.Selector{Service: "web"}, chaos.Selector{Tier: "web", Pick: "one"}
	step := func(on chaos.Selector, f chaos.Fault) chaos.Step {
		return chaos.Step{For: 10 * time.Second, On: on, Fault: f}
	}
	return []chaos.Step{
		step(primary, &chaos.Kill{}),
		step(one, &chaos.Crash{}),
		step(chaos.Selector{Role: "postgres-replica"}, &chaos.Pause{}),
		step(primary, &chaos.Stop{Timeout: 5 * time.Second}),
		step(web, &chaos.Roll{Timeout: 5 * time.Second}),
		step(primary, &chaos.Signal{Signal: "SIGSTOP", Process: "postgres"}),
		step(one, &chaos.Remove{}),
		step(web, &chaos.Scale{To: 1}),
		step(web, &chaos.Scale{To: 3}),
		step(primary, &chaos.Partition{With: &chaos.Selector{Tier: "web"}}),
		step(chaos.Selector{Tier: "db"}, &chaos.Partition{Shape: chaos.Minority}),
		step(one, &chaos.Delay{Delay: 50 * time.Millisecond, Jitter: 5 * time.Millisecond}),
		step(one, &chaos.Refuse{Link: chaos.Link{Direction: chaos.In, Ports: []uint16{8080}}}),
		step(one, &chaos.DNS{Answer: "servfail", Names: []string{"db1"}}),
		step(web, &chaos.HTTP{Path: "/feed", Status: 503, Share: 0.3}),
		step(web, &chaos.CPU{Quota: 0.2}),
		step(primary, &chaos.Memory{Share: 0.9}),
		step(primary, &chaos.Lock{Table: "posts"}),
		{For: 10 * time.Second, Fault: &chaos.Spike{Factor: 3}},
		step(chaos.Selector{Role: "redis-master"}, &chaos.Flush{}),
		{For: 10 * time.Second, On: web, Fault: &chaos.Kill{}, Guard: chaos.Guard{KeepHealthy: 1}},
	}
}

// A dry run has a line for each action: what is done to whom, the undo, and who does it. It touches nothing.
func TestDryRunIsOneLineForEachAction(t *testing.T) {
	rt := shop()
	plans := planSteps(t.Context(), rt, shopSteps(), 7)
	var b bytes.Buffer
	writePlans(&b, plans)
	golden(t, "plan.txt", b.String())
	b.Reset()
	if err := printJSON(&b, plans[:2]); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.json", b.String())
	for _, call := range rt.Calls() {
		if call != "list " {
			t.Errorf("a dry run called %q", call)
		}
	}
}

// What a dry run prints is what the injection does: the same targets, the same actions.
func TestDryRunSaysWhatRunDoes(t *testing.T) {
	step := chaos.Step{For: 10 * time.Millisecond, On: chaos.Selector{Pick: "2"}, Fault: &chaos.Pause{}}
	for seed := range uint64(5) {
		rt := shop()
		plan := planSteps(t.Context(), rt, []chaos.Step{step}, seed)[0]
		out := outcome{}
		err := chaos.Run(t.Context(), rt, seed, time.Now(), []chaos.Step{step}, chaos.Options{Emit: func(w chaos.Window) { out.see(w, func(string) {}) }})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, a := range plan.Actions {
			want = append(want, a.text)
		}
		if got := out.Actions; len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("seed %d: Run does %v, the dry run said %v", seed, got, want)
		}
	}
}

func TestDryRunAsJSONIsReadable(t *testing.T) {
	text, err := json.Marshal(plannedInjection{"shop", 1, 10, planSteps(t.Context(), shop(), shopSteps()[:1], 1)[0]})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Project string
		Fault   string
		On      []string
		Actions []struct{ Target, Do string }
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Project != "shop" || got.Fault != "kill" || len(got.On) != 1 || got.Actions[0].Target != "db1" || got.Actions[0].Do != "kill" {
		t.Errorf("dry run = %s", text)
	}
}
