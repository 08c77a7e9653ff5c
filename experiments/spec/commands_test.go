package spec

import (
	"strings"
	"testing"
	"time"
)

func TestCommands(t *testing.T) {
	with := func(commands string) string { return good + "commands: [" + commands + "]\n" }
	e, err := Parse("x.yaml", []byte(with(`{at: 6s, on: {service: web1}, run: [/gauntlet, app, reshard, --to, "6"]}`)))
	if err != nil || len(e.Commands) != 1 || e.Commands[0].At != 6*time.Second || len(e.Commands[0].Run) != 5 || e.Commands[0].On.Service != "web1" {
		t.Fatalf("got %+v, %v", e.Commands, err)
	}
	if plan := e.Plan().String(); !strings.Contains(plan, "command at 6s in service=web1: /gauntlet app reshard --to 6\n") {
		t.Errorf("the plan does not name the command:\n%s", plan)
	}
	for _, c := range []struct{ command, want string }{
		{`{on: {service: web1}, run: [a]}`, "at is missing"},
		{`{at: 6s, run: [a]}`, "on is missing"},
		{`{at: 6s, on: {service: web1}}`, "the command runs nothing"},
		{`{at: 6s, on: {service: wbe1}, run: [a]}`, `did you mean "web1"`},
		{`{at: 59m, on: {service: web1}, run: [a]}`, "when the load is over"},
		{`{at: 6s, on: {service: web1}, run: [a], for: 3s}`, `unknown key "for"`},
	} {
		if _, err := Parse("x.yaml", []byte(with(c.command))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.command, err, c.want)
		}
	}
}
