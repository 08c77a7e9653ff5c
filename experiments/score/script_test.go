package score

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/spec"
	"gauntlet/loadgen"
)

// A script is a recording in words. Each line makes some of it, in any order:
//
//	steps KIND ROLE AT FOR            a step of the experiment (AT from the end of the warm-up); none: a control
//	goal METRIC at_most|at_least X    a goal
//	async                             the topology does not promise that nothing is lost
//	bad CLASS FROM..TO KIND           requests of a class due then are: fail, info, missed, slow, 500, late (by the generator) or ports (the generator had none)
//	fault [step N] on NAME roles R,R began T healed T [asked T] [unproven] [err WORDS]
//	change WHAT TARGET FROM TO at T
//	point METRIC TARGET VALUE at T [err]
//	engine NAME ACTION at T
//	read NODE ROLE minus A..B,... [plus A..B] [dup A..B] [behind] [err WORDS]     all acknowledged ids but these
//	note KIND WORDS
//	pause FROM..TO                    of this machine
//	noend | unplanned                 the recording has no end; one more request was planned
//
// Times are seconds from the origin. The load is 20 writes and 80 reads a second: warm-up 2 s to 7 s, baseline to 17 s, then the
// fault of 10 s, recovery until 57 s.
type script struct {
	spec     spec.Experiment
	events   []history.Event
	samples  []loadgen.Sample
	bad      []badness
	pauses   []probe.Pause
	noEnd    bool
	extra    uint64
	reads    []string
	header   history.Header
	planned  map[string]uint64
	acked    map[uint64]bool
	highest  uint64
	hasFault bool
}

type badness struct {
	class    string
	from, to time.Duration
	kind     string
}

const (
	loadFrom = 2 * time.Second
	faultAt  = 17 * time.Second
	loadTo   = 57 * time.Second
)

func sec(s string) time.Duration {
	x, err := strconv.ParseFloat(strings.TrimSuffix(s, "s"), 64)
	if err != nil {
		panic(fmt.Sprintf("script: %q is not a time", s))
	}
	return time.Duration(x * float64(time.Second))
}

func between(s string) (time.Duration, time.Duration) {
	a, b, _ := strings.Cut(s, "..")
	return sec(a), sec(b)
}

// parse reads a script up to the line "---".
func parse(text string) *script {
	s := &script{planned: map[string]uint64{}, acked: map[uint64]bool{}}
	s.spec = spec.Experiment{Name: "script", Claim: "c", Topology: "t", Phases: spec.Phases{Warm: 5 * time.Second, Baseline: 10 * time.Second, Recovery: 30 * time.Second}}
	s.header = history.Header{Version: history.Version, Experiment: "script", Topology: "t", Rate: 100, Timeout: time.Second, Limit: 500 * time.Millisecond, Sync: true,
		Origin: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Roles: []string{"postgres-primary", "postgres-replica"}, Replicas: []string{"db1", "db2"},
		Ops: []history.OpInfo{{Name: "create", Class: "write", Rate: 20, Ledger: true}, {Name: "feed", Class: "read", Rate: 80}}}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			s.line(line, strings.Fields(line))
		}
	}
	s.load("create", "write", 20, true)
	s.load("feed", "read", 80, false)
	s.finish()
	return s
}

func (s *script) add(e history.Event) { s.events = append(s.events, e) }

func (s *script) line(line string, w []string) {
	switch w[0] {
	case "steps":
		s.step(w)
	case "goal":
		x, _ := strconv.ParseFloat(w[3], 64)
		g := spec.Goal{Metric: w[1], Text: strings.Join(w[2:], " ")}
		if class, metric, ok := strings.Cut(w[1], "_"); ok && (class == "write" || class == "read") {
			g.Class, g.Metric = class, metric
		}
		if w[2] == "at_most" {
			g.AtMost = &x
		} else {
			g.AtLeast = &x
		}
		s.spec.Goals = append(s.spec.Goals, g)
	case "async":
		s.header.Sync = false
	case "bad":
		from, to := between(w[2])
		s.bad = append(s.bad, badness{w[1], from, to, w[3]})
	case "fault":
		s.fault(w)
	case "change":
		from, to := strings.Trim(w[3], "-"), strings.Trim(w[4], "-")
		s.add(history.Event{Change: &probe.Change{What: w[1], Target: w[2], From: from, To: to, At: sec(w[6])}})
	case "point":
		x, _ := strconv.ParseFloat(w[3], 64)
		p := probe.Point{Metric: w[1], Target: w[2], Value: x, At: sec(w[5])}
		if len(w) > 6 {
			p.Err = "no answer"
		}
		s.add(history.Event{Point: &p})
	case "engine":
		s.add(history.Event{Engine: &history.EngineEvent{Container: w[1], Action: w[2], At: sec(w[4])}})
	case "read":
		s.reads = append(s.reads, line)
	case "note":
		s.add(history.Event{Note: &history.Note{Kind: w[1], Text: strings.Join(w[2:], " ")}})
	case "pause":
		from, to := between(w[1])
		s.pauses = append(s.pauses, probe.Pause{From: from, To: to})
	case "noend":
		s.noEnd = true
	case "unplanned":
		s.extra = 1
	default:
		panic("script: unknown line " + line)
	}
}

func (s *script) step(w []string) {
	step := stepOf(w[1], w[2], sec(w[3]), sec(w[4]))
	s.spec.Steps = append(s.spec.Steps, step)
	s.hasFault = true
}

func (s *script) fault(w []string) {
	f := history.Fault{Kind: s.spec.Steps[0].Fault.Kind(), Proof: "process gone", Uncertainty: time.Millisecond}
	for i := 1; i < len(w); i++ {
		switch w[i] {
		case "step":
			f.Step, _ = strconv.Atoi(w[i+1])
			f.Kind = s.spec.Steps[f.Step].Fault.Kind()
		case "on":
			f.On = strings.Split(w[i+1], ",")
		case "roles":
			f.Roles = strings.Split(w[i+1], ",")
		case "asked":
			f.Asked = sec(w[i+1])
		case "began":
			f.Began = sec(w[i+1])
			f.Asked = f.Began - 10*time.Millisecond
		case "healed":
			f.Healed = sec(w[i+1])
			f.HealAsked = f.Healed - 100*time.Millisecond
		case "unproven":
			f.Proof, f.Began = "", 0
		case "err":
			f.Err = strings.Join(w[i+1:], " ")
		}
	}
	s.add(history.Event{Fault: &f})
}

// load makes the samples of one op at a constant rate.
func (s *script) load(op, class string, rate float64, ledger bool) {
	gap := time.Duration(float64(time.Second) / rate)
	for k := 0; ; k++ {
		due := loadFrom + time.Duration(k)*gap
		if due >= loadTo {
			return
		}
		x := loadgen.Sample{Op: op, Class: class, Due: due, Sent: due + 100*time.Microsecond, End: due + 5*time.Millisecond, Code: 200, Out: loadgen.OK}
		if ledger {
			s.highest++
			x.ID = s.highest
		}
		for _, b := range s.bad {
			if b.class == class && due >= b.from && due < b.to {
				spoil(&x, b.kind)
			}
		}
		s.planned[op]++
		s.samples = append(s.samples, x)
		if ledger && x.Out == loadgen.OK {
			s.acked[x.ID] = true
		}
	}
}

func spoil(x *loadgen.Sample, kind string) {
	switch kind {
	case "fail":
		x.Out, x.Code, x.Err = loadgen.Fail, 503, "status 503"
	case "500":
		x.Out, x.Code, x.Err = loadgen.Info, 500, "status 500"
	case "info":
		x.Out, x.Code, x.Err, x.End = loadgen.Info, 0, "timeout", x.Due+time.Second
	case "missed":
		x.Out, x.Code, x.Err, x.End = loadgen.Missed, 0, "missed", x.Due+time.Second
	case "slow":
		x.End = x.Due + 600*time.Millisecond
	case "ports":
		x.Out, x.Code, x.Err, x.End = loadgen.Missed, 0, loadgen.ErrKindPorts, x.Due+time.Millisecond
	case "late":
		x.Sent, x.End = x.Due+80*time.Millisecond, x.Due+90*time.Millisecond
	default:
		panic("script: unknown kind " + kind)
	}
}

func (s *script) finish() {
	for _, r := range s.reads {
		s.add(history.Event{Read: s.readBack(strings.Fields(r))})
	}
	phases := []history.PhaseStart{{Name: "up"}, {Name: "warm", At: loadFrom}, {Name: "baseline", At: 7 * time.Second}}
	if s.hasFault {
		phases = append(phases, history.PhaseStart{Name: "fault", At: faultAt})
	} else {
		s.spec.Phases.Recovery = 40 * time.Second // a control is as long
	}
	phases = append(phases, history.PhaseStart{Name: "recovery", At: faultAt + 10*time.Second}, history.PhaseStart{Name: "readback", At: loadTo})
	for _, p := range phases {
		s.add(history.Event{Phase: &p})
	}
	for at := 8 * time.Second; at < loadTo; at += time.Second {
		s.add(history.Event{Point: &probe.Point{Metric: probe.Coverage, Target: "role db1", At: at, Value: 1}})
	}
	s.planned["feed"] += s.extra
	if !s.noEnd {
		s.add(history.Event{End: &history.End{At: loadTo + time.Second, Planned: s.planned, Pauses: s.pauses}})
	}
	s.events = append([]history.Event{{Header: &s.header}}, s.events...)
	slices.SortStableFunc(s.samples, func(a, b loadgen.Sample) int { return int(a.End - b.End) })
}

// readBack is what a node holds: all acknowledged ids, but for what the line says.
func (s *script) readBack(w []string) *history.ReadBack {
	r := history.ReadBack{Node: w[1], Role: w[2], CaughtUp: true, At: loadTo}
	has := map[uint64]bool{}
	for id := range s.acked {
		has[id] = true
	}
	for i := 3; i < len(w); i++ {
		switch w[i] {
		case "minus", "plus", "dup":
			for part := range strings.SplitSeq(w[i+1], ",") {
				a, b, _ := strings.Cut(part, "..")
				lo, _ := strconv.ParseUint(a, 10, 64)
				hi, _ := strconv.ParseUint(b, 10, 64)
				if w[i] == "dup" {
					r.Duplicated = append(r.Duplicated, history.Range{lo, hi})
				}
				for id := lo; id <= hi && w[i] != "dup"; id++ {
					has[id] = w[i] == "plus"
				}
			}
		case "behind":
			r.CaughtUp = false
		case "err":
			r.Err = strings.Join(w[i+1:], " ")
			r.CaughtUp = false
		}
	}
	for id := uint64(1); id <= s.highest; id++ {
		if !has[id] {
			continue
		}
		if n := len(r.Present); n > 0 && r.Present[n-1][1] == id-1 {
			r.Present[n-1][1] = id
		} else {
			r.Present = append(r.Present, history.Range{id, id})
		}
	}
	return &r
}

// card scores the script.
func (s *script) card(t testing.TB) Card {
	t.Helper()
	return Score(s.spec, s.history(t))
}

func (s *script) history(t testing.TB) *history.History {
	t.Helper()
	h, err := history.Memory(s.events, s.samples)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Each script's expected card stands below its line "---", a line for each thing that must be so.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in, want, ok := strings.Cut(string(text), "---\n")
			if !ok {
				t.Fatal("no line --- before the expected card")
			}
			if got := excerpt(parse(in).card(t)); got != want {
				if *update {
					if err := os.WriteFile(file, []byte(in+"---\n"+got), 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
