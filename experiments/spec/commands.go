package spec

import (
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/chaos"
	"gauntlet/compose"
)

// Command is what an operator does while the load runs: it is run in one container, and must succeed before the load ends.
type Command struct {
	At  time.Duration // counted from the end of the warm-up
	On  chaos.Selector
	Run []string
}

var commandKeys = []string{"at", "on", "run"}

// commands reads what is done beside the faults.
func (p *problems) commands(o object, e Experiment, t compose.Topology) []Command {
	var out []Command
	for _, n := range p.list(o, "commands") {
		out = append(out, p.command(n, e, t))
	}
	return out
}

func (p *problems) command(n *yaml.Node, e Experiment, t compose.Topology) Command {
	o := p.object(n, "command", commandKeys...)
	p.required(o, "at", "say when, counted from the end of the warm-up, such as at: 20s")
	c := Command{At: p.duration(o, "at", unknown, 0, maxPart), On: p.selector(o, "on", t), Run: p.words(o, "run")}
	end := e.Length() - e.Phases.Warm
	switch {
	case o.broken || len(o.silent) > 0:
	case len(c.Run) == 0:
		p.at(n, "write it like run: [/gauntlet, app, reshard, --to, \"6\"]", "the command runs nothing")
	case c.At != unknown && c.At >= end:
		p.at(o.where("at"), "start it before "+short(end)+", or make phases.recovery longer", "the command starts at %s, when the load is over", short(c.At))
	}
	return c
}
