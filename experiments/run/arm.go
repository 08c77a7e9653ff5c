package run

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/chaos"
)

// armLimit bounds the start of all agents, on a busy machine.
const armLimit = time.Minute

// arm makes agents ready in every container that a step may hit, so that injecting is one message.
func (r *runner) arm(ctx context.Context, live chaos.Runtime) error {
	armer, ok := chaos.Power[chaos.Armer](live)
	if !ok {
		return nil
	}
	all, err := live.List(ctx)
	if err != nil {
		return err
	}
	need := needs(r.exp.Steps, all)
	if len(need) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, armLimit)
	defer cancel()
	began := time.Now()
	count := 0
	for _, n := range need {
		if err := armer.Arm(ctx, n.on, []chaos.Verb{n.verb}); err != nil {
			return fmt.Errorf("arming agents: %w", err)
		}
		count += len(n.on)
	}
	r.say("armed %d agents in %.1f s", count, time.Since(began).Seconds())
	return nil
}

// need is one kind of agent and the containers that may need it.
type need struct {
	verb chaos.Verb
	on   []chaos.Container
}

// needs lists which agents the steps may need, and where.
func needs(steps []chaos.Step, all []chaos.Container) []need {
	var out []need
	for _, s := range steps {
		for _, v := range chaos.Verbs(s.Fault) {
			i := slices.IndexFunc(out, func(n need) bool { return n.verb == v })
			if i < 0 {
				i, out = len(out), append(out, need{verb: v})
			}
			for _, c := range all {
				if mayHit(s.On, c) && !slices.ContainsFunc(out[i].on, func(o chaos.Container) bool { return o.ID == c.ID }) {
					out[i].on = append(out[i].on, c)
				}
			}
		}
	}
	return slices.DeleteFunc(out, func(n need) bool { return len(n.on) == 0 })
}

// mayHit says whether the step could draw the container at some time: roles move, but only among containers of their kind, such
// as postgres-primary and postgres-replica.
func mayHit(s chaos.Selector, c chaos.Container) bool {
	if c.State != chaos.Running {
		return false
	}
	kind, _, _ := strings.Cut(s.Role, "-")
	if s.Role != "" && !slices.ContainsFunc(c.Roles, func(r string) bool { return strings.HasPrefix(r, kind+"-") }) {
		return false
	}
	s.Role, s.Pick, s.Exclude = "", "all", nil
	return s.Matches(c)
}
