package spec

import (
	"fmt"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/chaos"
	"gauntlet/compose"
)

// overlaps refuses a step that finds all its targets disturbed already: one on the same targets began before, took all of
// them and is not over. Steps that draw a part may overlap, because what is disturbed is not drawn again.
func (p *problems) overlaps(nodes []*yaml.Node, steps []chaos.Step, t compose.Topology) {
	whom := make([]string, len(steps))
	for i, s := range steps {
		whom[i] = targets(s, t)
	}
	for i, late := range steps {
		for j, early := range steps {
			if late.Fault == nil || early.Fault == nil || chaos.Compose(chaos.FamilyOf(late.Fault), chaos.FamilyOf(early.Fault)) {
				continue
			}
			if whom[i] == "" || whom[i] != whom[j] || !during(late.At, early) || late.At == early.At && j >= i || !takesAll(early.On) {
				continue
			}
			p.at(nodes[i], fmt.Sprintf("start it at %s or later, or let the earlier one draw a part of them (pick: one)", short(early.At+early.For)),
				"the step overlaps the one of line %d on the same targets (%s)", nodes[j].Line, whom[i])
		}
	}
}

// during says whether the step lasts at that time. Times that were written wrongly are during nothing.
func during(at time.Duration, s chaos.Step) bool {
	return s.At != unknown && s.For != unknown && s.At <= at && at < s.At+s.For
}

// targets is the selector without what it draws or leaves out; "" if it names nobody.
func targets(step chaos.Step, t compose.Topology) string {
	s := step.On
	if step.Fault != nil && !chaos.NeedsTarget(step.Fault) {
		return "the load"
	}
	s.Pick, s.Exclude = "", nil
	if service := serviceOf(s.Container, t); s.Service == "" && service == s.Container && service != "" {
		s.Service, s.Container = service, "" // the only container of its service
	}
	return s.String()
}

func takesAll(s chaos.Selector) bool {
	return len(s.Exclude) == 0 && slices.Contains([]string{"", "all", "100%"}, s.Pick)
}
