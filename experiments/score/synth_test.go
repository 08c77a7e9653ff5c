package score

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/spec"
	"gauntlet/loadgen"
)

// A made-up run whose truth is known: every request of every class is written down, good unless a trouble touches it.
type synth struct {
	exp    spec.Experiment
	header history.Header
	loads  []load
	wrongs []trouble
	events []history.Event
	start  time.Duration // of the warm-up, from the origin
	noEnd  bool
}

// load is one op of one class.
type load struct {
	class  string
	region string
	rate   float64
	phase  time.Duration // due time of the first request after the start of the load
	ledger bool
	server func(i int) string // who answers the i-th request; nil: nobody says
}

// trouble is what happens to requests of a class ("*" all) that are due from..to.
type trouble struct {
	class    string
	kind     string // refuse, 500, hang, slow, missed, lag, drop
	from, to time.Duration
	server   string // "" all
}

const (
	service = 2 * time.Millisecond // latency of a good answer
	timeout = 5 * time.Second
	limit   = 500 * time.Millisecond
)

// newSynth is a run of 2 s warm-up, 8 s baseline, 20 s fault and 30 s recovery, which starts 1 s after the origin.
func newSynth(loads ...load) *synth {
	s := &synth{start: time.Second, loads: loads}
	s.header = history.Header{
		Version: history.Version, Experiment: "made-up", Topology: "replicated", Origin: time.Unix(1_700_000_000, 0).UTC(),
		Timeout: timeout, Limit: limit, Roles: []string{"postgres-primary", "postgres-replica"}, Replicas: []string{"db1", "db2"}, Sync: true,
	}
	s.exp = spec.Experiment{Name: "made-up", Claim: "it holds", Phases: spec.Phases{Warm: 2 * time.Second, Baseline: 8 * time.Second, Recovery: 30 * time.Second}}
	return s
}

// step adds a fault of the experiment that was carried out: asked 100 ms before it began, known to ± 10 ms.
func (s *synth) step(kind, role string, began, healed time.Duration, on ...string) *synth {
	at := began - 100*time.Millisecond - s.start - s.exp.Phases.Warm
	fault, _ := chaos.New(kind)
	s.exp.Steps = append(s.exp.Steps, chaos.Step{At: at, For: healed - began - 200*time.Millisecond, On: chaos.Selector{Role: role}, Fault: fault})
	f := history.Fault{
		Step: len(s.exp.Steps) - 1, Kind: kind, On: on, Asked: began - 100*time.Millisecond, Began: began, Uncertainty: 10 * time.Millisecond,
		HealAsked: healed - 300*time.Millisecond, Healed: healed, Proof: "process 42 gone",
	}
	if role != "" {
		f.Roles = []string{role}
		state := map[string]string{"postgres-primary": "primary", "postgres-replica": "replica"}[role]
		if state != "" {
			s.add(history.Event{Change: &probe.Change{What: probe.Role, Target: on[0], From: "?", To: state, At: 500 * time.Millisecond}})
		}
	}
	return s.add(history.Event{Fault: &f})
}

func (s *synth) add(events ...history.Event) *synth {
	s.events = append(s.events, events...)
	return s
}

func (s *synth) wrong(class, kind string, from, to time.Duration) *synth {
	s.wrongs = append(s.wrongs, trouble{class: class, kind: kind, from: from, to: to})
	return s
}

// requests are the samples in the order of their ends, and how many there are of each op.
func (s *synth) requests() ([]loadgen.Sample, map[string]uint64) {
	var out []loadgen.Sample
	planned := map[string]uint64{}
	var id uint64
	for _, l := range s.loads {
		gap := float64(time.Second) / l.rate
		for i := 0; ; i++ {
			due := s.start + l.phase + time.Duration(float64(i)*gap)
			if due >= s.start+s.exp.Length() {
				break
			}
			r := loadgen.Sample{Op: l.class, Class: l.class, Region: l.region, Due: due, Sent: due, End: due + service, Code: 200, Out: loadgen.OK}
			if l.server != nil {
				r.Server = l.server(i)
			}
			if l.ledger {
				id++
				r.ID = id
			}
			planned[l.class]++
			if s.touch(&r) {
				out = append(out, r)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b loadgen.Sample) int { return cmp.Compare(a.End, b.End) })
	return out, planned
}

// touch lets the first trouble that fits happen to r; false if its record is lost.
func (s *synth) touch(r *loadgen.Sample) bool {
	for _, t := range s.wrongs {
		if (t.class != "*" && t.class != r.Class) || r.Due < t.from || r.Due >= t.to || (t.server != "" && t.server != r.Server) {
			continue
		}
		failed := loadgen.Fail
		if r.ID != 0 {
			failed = loadgen.Info
		}
		switch t.kind {
		case "refuse":
			r.Out, r.Code, r.End, r.Err = loadgen.Fail, 0, r.Due+time.Millisecond, "refused"
		case "500":
			r.Out, r.Code, r.Err = failed, 500, "status 500"
		case "hang":
			r.End = t.to + service
			if r.Latency() > timeout {
				r.Out, r.Code, r.End, r.Err = failed, 0, r.Due+timeout, "timeout"
			}
		case "slow":
			r.End = r.Due + 2*limit
		case "missed":
			r.Out, r.Code, r.Sent, r.End, r.Err = loadgen.Missed, 0, r.Due+timeout, r.Due+timeout, "missed"
		case "lag":
			r.Sent = r.Due + 80*time.Millisecond
			r.End = r.Sent + service
		case "drop":
			return false
		}
		return true
	}
	return true
}

// phaseStarts are the phases as package run marks them.
func (s *synth) phaseStarts() []history.Event {
	warm := s.start + s.exp.Phases.Warm
	marks := []history.PhaseStart{{Name: "up"}, {Name: "warm", At: s.start}, {Name: "baseline", At: warm}}
	if len(s.exp.Steps) > 0 {
		first := s.exp.Steps[0].At
		for _, st := range s.exp.Steps {
			first = min(first, st.At)
		}
		marks = append(marks, history.PhaseStart{Name: "fault", At: warm + first})
	}
	end := s.start + s.exp.Length()
	marks = append(marks, history.PhaseStart{Name: "recovery", At: warm + s.exp.FaultEnd()},
		history.PhaseStart{Name: "readback", At: end + time.Second}, history.PhaseStart{Name: "down", At: end + 3*time.Second})
	var out []history.Event
	for _, m := range marks {
		out = append(out, history.Event{Phase: &m})
	}
	return out
}

// all are the events and samples of the run.
func (s *synth) all() ([]history.Event, []loadgen.Sample) {
	h := s.header
	h.Rate = 0
	for _, l := range s.loads {
		h.Rate += l.rate
		h.Ops = append(h.Ops, history.OpInfo{Name: l.class, Class: l.class, Rate: l.rate, Ledger: l.ledger})
	}
	samples, planned := s.requests()
	events := append([]history.Event{{Header: &h}}, s.phaseStarts()...)
	events = append(events, s.events...)
	for at := s.start; at < s.start+s.exp.Length(); at += time.Second {
		events = append(events, history.Event{Point: &probe.Point{Metric: probe.Coverage, Target: "role db1", At: at, Value: 1}})
	}
	if !s.noEnd {
		events = append(events, history.Event{End: &history.End{At: s.start + s.exp.Length() + 4*time.Second, Planned: planned}})
	}
	return events, samples
}

func (s *synth) history(t testing.TB) *history.History {
	t.Helper()
	h, err := history.Memory(s.all())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (s *synth) score(t testing.TB) Card {
	t.Helper()
	return Score(s.exp, s.history(t))
}
