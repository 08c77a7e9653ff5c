package spec

import (
	"cmp"
	"slices"
	"time"

	"gauntlet/chaos"
	"gauntlet/loadgen"
)

// Schedule is the load with the spikes of the steps in it. Steps count from the end of the warm-up, the load from its beginning.
func (e Experiment) Schedule() loadgen.Profile {
	p := e.Load
	spikes := e.spikes()
	if len(spikes) == 0 {
		return p
	}
	var cuts []time.Duration
	for _, s := range spikes {
		cuts = append(cuts, e.Phases.Warm+s.At, e.Phases.Warm+s.At+s.For)
	}
	slices.SortFunc(cuts, cmp.Compare)
	cuts = append(slices.Compact(cuts), e.Length())
	var from time.Duration
	for _, to := range cuts {
		if to > from {
			rate := p.Rate * factorAt(spikes, from-e.Phases.Warm)
			p.Shape.Stages = append(p.Shape.Stages, loadgen.Stage{For: to - from, From: rate, To: rate})
		}
		from = max(from, to)
	}
	return p
}

func (e Experiment) spikes() []chaos.Step {
	return slices.DeleteFunc(slices.Clone(e.Steps), func(s chaos.Step) bool {
		_, spike := s.Fault.(*chaos.Spike)
		return !spike
	})
}

// factorAt is what the rate is multiplied with at a time of the schedule.
func factorAt(spikes []chaos.Step, at time.Duration) float64 {
	factor := 1.0
	for _, s := range spikes {
		if s.At <= at && at < s.At+s.For {
			factor *= s.Fault.(*chaos.Spike).Factor
		}
	}
	return factor
}

// spikesFit refuses spikes on a load that has a shape of its own.
func (p *problems) spikesFit(o object, e Experiment) {
	shaped := len(e.Load.Shape.Stages) > 0 || len(e.Load.Shape.Trace) > 0 || e.Load.Shape.Sine != loadgen.Sine{}
	if len(e.spikes()) > 0 && shaped {
		p.at(o.where("steps"), "put the spike into the load's shape instead", "a spike needs a load with a constant rate")
	}
}
