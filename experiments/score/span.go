package score

import (
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/spec"
)

// span says when what was going on, as offsets from the run's origin.
type span struct {
	baseline time.Duration // the warm-up is never judged
	from, to time.Duration // what is judged: fault and recovery; without steps baseline and recovery
}

func (s span) length() time.Duration { return max(0, s.to-s.from) }

// spanOf takes the phases as they were recorded. A run that was cut short is judged until its load ended.
func spanOf(e spec.Experiment, h *history.History) span {
	begin := map[string]time.Duration{}
	for _, p := range h.Phases {
		begin[p.Name] = p.At
	}
	s := span{baseline: begin["baseline"], from: begin["fault"], to: begin["warm"] + e.Length()}
	if len(e.Steps) == 0 {
		s.from = s.baseline
	}
	for _, name := range []string{"readback", "down"} {
		if at, ok := begin[name]; ok {
			s.to = min(s.to, at)
		}
	}
	if s.from == 0 || s.baseline == 0 || s.to < s.from {
		return span{} // it never got that far
	}
	return s
}
