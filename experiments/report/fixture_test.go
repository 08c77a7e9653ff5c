package report

import (
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/score"
	"gauntlet/loadgen"
)

// sec is seconds as a duration.
func sec(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// all makes a sequence without errors.
func all[T any](vs []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range vs {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// t0 is when the made-up primary dies, and when it is healed.
var t0, healed = sec(60.31), sec(90.44)

// events of a made-up run of primary-kill.
func events() []history.Event {
	out := []history.Event{{Header: header()}}
	for _, p := range []history.PhaseStart{{Name: "up", At: 0}, {Name: "warm", At: sec(29.8)}, {Name: "baseline", At: sec(39.8)}, {Name: "fault", At: sec(59.8)}, {Name: "recovery", At: healed}, {Name: "readback", At: sec(150)}, {Name: "down", At: sec(152)}} {
		out = append(out, history.Event{Phase: &p})
	}
	f := history.Fault{Step: 0, Kind: "kill", On: []string{"db1"}, Roles: []string{"postgres-primary"}, Asked: sec(59.81), Began: t0, Uncertainty: sec(0.01), HealAsked: sec(89.81), Healed: healed, Proof: "process 4242 gone; db1 refuses connections"}
	out = append(out, history.Event{Fault: &f})
	for _, e := range []history.EngineEvent{{Container: "db1", Action: "die", At: sec(60.42), ExitCode: 137}, {Container: "db1", Action: "start", At: sec(90.2)}} {
		out = append(out, history.Event{Engine: &e})
	}
	for _, c := range changes() {
		out = append(out, history.Event{Change: &c})
	}
	for _, p := range pointsOf() {
		out = append(out, history.Event{Point: &p})
	}
	out = append(out,
		history.Event{Read: &history.ReadBack{Node: "db2", Role: "primary", At: sec(151), CaughtUp: true}},
		history.Event{Read: &history.ReadBack{Node: "db3", Role: "replica", At: sec(151.2), CaughtUp: true}},
		history.Event{Note: &history.Note{At: sec(150.1), Kind: history.NoteInfo, Text: "waited 0.3 s for the replicas to catch up"}},
		history.Event{End: &history.End{At: sec(155)}})
	return out
}

func header() *history.Header {
	return &history.Header{
		Version: history.Version, Experiment: "primary-kill", Topology: "replicated", Seed: 7, Rate: 200, Timeout: 2 * time.Second, Limit: 500 * time.Millisecond,
		Source: "claim: Losing the database primary stops writes for less than 10 s and loses no acknowledged write\ntopology: replicated\nseed: 7\nload: {workload: reference, rate: 200/s}\nsteps:\n  - {at: 20s, for: 30s, on: {role: postgres-primary}, fault: {kind: kill}}\n",
		Origin: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC), Replicas: []string{"db1", "db2", "db3"}, Sync: true, Roles: []string{"postgres-primary"},
		Ops:     []history.OpInfo{{Name: "feed", Class: "read", Rate: 120}, {Name: "create", Class: "write", Rate: 40, Ledger: true}, {Name: "login", Class: "session", Rate: 40}},
		Machine: history.Machine{OS: "linux", Arch: "amd64", Kernel: "6.1.0", Engine: "Docker 28.5.2", Compose: "v2.40", Gauntlet: "0.1.0", CPUs: 2, MemoryBytes: 8 << 30},
		Client:  "keep-alive, 64 connections per class, no retries",
	}
}

func changes() []probe.Change {
	var out []probe.Change
	add := func(what, target, from, to string, at float64) {
		after := sec(at - 0.04)
		if from == "?" && at < 30 {
			after = 0
		}
		out = append(out, probe.Change{What: what, Target: target, From: from, To: to, After: after, At: sec(at)})
	}
	for _, n := range []string{"db1", "db2", "db3"} {
		role := "replica"
		if n == "db1" {
			role = "primary"
		}
		add(probe.Role, n, "?", role, 29)
		add(probe.Server, n, "?", "UP", 29)
	}
	add(probe.Leader, "cluster", "?", "db1", 29)
	add(probe.SyncName, "cluster", "?", "db2", 29)
	for _, w := range []string{"web1", "web2", "web3"} {
		add(probe.Route, w, "?", "db1", 29)
	}
	add(probe.Role, "db1", "primary", "?", 60.36)
	add(probe.Leader, "cluster", "db1", "", 63.33)
	add(probe.Leader, "cluster", "", "db2", 63.43)
	add(probe.SyncName, "cluster", "db2", "", 63.45)
	add(probe.Role, "db2", "replica", "primary", 63.58)
	add(probe.Route, "web1", "db1", "", 60.71)
	add(probe.Route, "web2", "db1", "", 60.75)
	add(probe.Route, "web3", "db1", "", 60.80)
	add(probe.Route, "web2", "", "db2", 63.62)
	add(probe.Route, "web1", "", "db2", 63.66)
	add(probe.Route, "web3", "", "db2", 63.66)
	add(probe.SyncName, "cluster", "", "db3", 66.1)
	add(probe.Role, "db1", "?", "replica", 94.2)
	return out
}

// pointsOf are ten lag points a second of each replica, with gaps where nobody could answer.
func pointsOf() []probe.Point {
	rng := rand.New(rand.NewPCG(1, 2))
	var out []probe.Point
	for i := 290; i < 1520; i++ {
		at := sec(float64(i)/10 + 0.05)
		s := at.Seconds()
		for _, n := range []string{"db1", "db2", "db3"} {
			p := probe.Point{Metric: probe.ReplicationLag, Target: n, At: at, Value: 0.02 + 0.1*rng.Float64()}
			down := at > t0 && s < 94.2
			switch {
			case n == "db1" && at < t0, n == "db2" && s > 63.6:
				continue
			case n == "db1" && down:
				p.Err = "no answer"
			case at > t0 && s < 63.6:
				p.Value += s - t0.Seconds()
			case n == "db1" && s < 99:
				p.Value = 30 * (99 - s) / 5
			}
			out = append(out, p)
			d := probe.Point{Metric: probe.LSNDistance, Target: n, At: at, Value: p.Value * 400e3 * rng.Float64(), Err: p.Err}
			out = append(out, d)
		}
		if at > t0 && s < 63.6 {
			out = append(out, probe.Point{Metric: probe.HeartbeatAge, Target: "cluster", At: at, Value: s - t0.Seconds()})
		}
	}
	return append(out, probe.Point{Metric: probe.Coverage, Target: "role db2", At: sec(61), Value: 0.92, Took: sec(0.13)},
		probe.Point{Metric: probe.Coverage, Target: "lag db3", At: sec(61), Value: 1, Took: sec(0.1)})
}

// samples of a made-up run: writes stop, reads stumble.
func samples() []loadgen.Sample {
	rng := rand.New(rand.NewPCG(3, 4))
	var out []loadgen.Sample
	for _, c := range []struct {
		class string
		rate  float64
		base  float64
	}{{"read", 120, 0.004}, {"write", 40, 0.009}, {"session", 40, 0.006}} {
		for i := 0; i < int(120*c.rate); i++ {
			due := sec(29.8 + float64(i)/c.rate)
			s := loadgen.Sample{Op: c.class, Class: c.class, Due: due, Sent: due + sec(0.0004), Out: loadgen.OK, Code: 200}
			latency := c.base * (0.6 + rng.ExpFloat64()*0.5)
			spoil(&s, rng, &latency)
			s.End = due + sec(latency)
			out = append(out, s)
		}
	}
	return out
}

// spoil makes a request as bad as its moment was.
func spoil(s *loadgen.Sample, rng *rand.Rand, latency *float64) {
	at := s.Due.Seconds()
	switch {
	case s.Class == "write" && at > t0.Seconds() && at < 60.71:
		s.Out, s.Err, *latency = loadgen.Info, "timeout", 2
	case s.Class == "write" && at > 60.71 && at < 63.66:
		s.Out, s.Err, s.Code, *latency = loadgen.Fail, "status 503", 503, 0.003
		if rng.IntN(9) == 0 {
			s.Out, s.Err, s.Code = loadgen.Fail, "refused", 0
		}
	case s.Class == "write" && at > 63.66 && at < 64.1:
		*latency = 0.9 * rng.Float64()
	case s.Class == "read" && at > t0.Seconds() && at < 61.2 && rng.IntN(3) == 0:
		s.Out, s.Err, s.Code, *latency = loadgen.Fail, "reset", 0, 0.02
	case at > 112 && at < 113:
		s.Sent = s.Due + 80*time.Millisecond
		*latency += 0.08
	case at > 94 && at < 99:
		*latency *= 3
	}
}

// runTimeline is the timeline of the made-up run.
func runTimeline(t *testing.T) Timeline {
	t.Helper()
	tl, err := ReadTimeline(all(events()), all(samples()))
	if err != nil {
		t.Fatal(err)
	}
	return tl
}

func exactly(v float64) score.Interval { return score.Interval{Value: v, Lo: v, Hi: v} }

// passCard is the card of the made-up run.
func passCard() score.Card {
	return score.Card{
		Formula: "1", Experiment: "primary-kill", Topology: "replicated", Verdict: score.Pass,
		Claim: "Losing the database primary stops writes for less than 10 s and loses no acknowledged write",
		Score: score.Interval{Value: 83.56, Lo: 83.56, Hi: 83.56}, Grade: "B",
		Parts: []score.Part{
			{Name: "lost service", Weight: 35, Applicable: true, Known: true, Quantity: "0.94 s of service lost; 60 % are kept at 3 s", X: 0.94, Threshold: 3, Utility: exactly(0.80), PointsLost: exactly(7.7)},
			{Name: "failover", Weight: 15, Applicable: true, Known: true, Quantity: "3.55 s until writes worked again; 60 % are kept at 30 s", X: 3.55, Threshold: 30, Utility: exactly(0.97), PointsLost: exactly(0.48)},
			{Name: "after-effect", Weight: 10, Applicable: true, Known: true, Quantity: "9.10 s from heal to steady; 60 % are kept at 30 s", X: 9.1, Threshold: 30, Utility: exactly(0.80), PointsLost: exactly(2.26)},
			{Name: "data", Weight: 20, Applicable: true, Known: true, Quantity: "0 of 4,681 acknowledged writes lost", Utility: exactly(1), PointsLost: exactly(0)},
			{Name: "pressure", Weight: 10, Applicable: true, Known: true, Quantity: "largest replication lag 30.0 s; 60 % are kept at 10 s", X: 30, Threshold: 10, Utility: exactly(0.40), PointsLost: exactly(6.0)},
			{Name: "alerting", Weight: 10, Why: "the topology has no alert rules"},
		},
		Goals: []score.Measure{
			{Metric: "availability", Unit: "ratio", Known: true, Value: score.Interval{Value: 0.9912, Lo: 0.9910, Hi: 0.9914}, Goal: "at least 0.99", Verdict: score.Pass},
			{Metric: "write_outage", Unit: "seconds", Known: true, Value: score.Interval{Value: 3.55, Lo: 3.51, Hi: 3.59}, Goal: "at most 10s", Verdict: score.Pass},
			{Metric: "lost_writes", Unit: "count", Known: true, Value: exactly(0), Goal: "at most 0", Verdict: score.Pass},
		},
		Measures: []score.Measure{
			{Metric: "availability", Unit: "ratio", Known: true, Value: exactly(0.9912)},
			{Metric: "replication_lag_max", Unit: "seconds", Known: true, Value: exactly(30.02), Why: "db1, while it caught up"},
			{Metric: "replication_lag_p99", Unit: "seconds", Known: true, Value: exactly(0.119)},
			{Metric: "lsn_distance_max", Unit: "bytes", Known: true, Value: exactly(11.6e6)},
		},
		Classes: []score.Class{
			{Name: "read", Planned: 14400, OK: 14362, Fail: 38, LostSeconds: 0.31, Availability: 0.9966, LongestGap: sec(0.09), P50: sec(0.0039), P99: sec(0.0118), FaultP50: sec(0.0041), FaultP99: sec(0.031),
				Worst:   []score.WindowedWorst{{Window: time.Second, Availability: 0.68}, {Window: 10 * time.Second, Availability: 0.968}, {Window: time.Minute, Availability: 0.9947}},
				Outages: []score.Outage{{Start: sec(60.33), End: sec(61.21), Bad: 38, Flaps: 14, Resolution: sec(0.0083)}}},
			{Name: "session", Planned: 4800, OK: 4800, Availability: 1, LongestGap: sec(0.03), P50: sec(0.006), P99: sec(0.017), FaultP50: sec(0.006), FaultP99: sec(0.018),
				Worst: []score.WindowedWorst{{Window: time.Second, Availability: 1}, {Window: 10 * time.Second, Availability: 1}, {Window: time.Minute, Availability: 1}}},
			{Name: "write", Planned: 4800, OK: 4666, Fail: 118, Info: 16, Slow: 8, LostSeconds: 3.55, Availability: 0.9606, LongestGap: sec(3.57), P50: sec(0.0088), P99: sec(0.0266), FaultP50: sec(0.0092), FaultP99: sec(0.79),
				Worst:   []score.WindowedWorst{{Window: time.Second, Availability: 0}, {Window: 10 * time.Second, Availability: 0.645}, {Window: time.Minute, Availability: 0.9408}},
				Outages: []score.Outage{{Start: sec(60.32), End: sec(63.86), Bad: 142, Flaps: 2, Resolution: sec(0.025)}}, UnknownSecs: 1},
		},
		Faults: []score.Hit{{
			Kind: "kill", On: []string{"db1"}, Roles: []string{"postgres-primary"}, Asked: sec(59.81), Began: t0, Healed: healed, Proven: true, Proof: "process 4242 gone; db1 refuses connections",
			Class: "write", Failover: &score.Interval{Value: 3.549, Lo: 3.514, Hi: 3.584}, After: &score.Interval{Value: 9.1, Lo: 9.1, Hi: 9.1},
			Stages: []score.Stage{
				{Name: "detect", Seconds: 3.021, Known: true, Evidence: "leader key gone from etcd"}, {Name: "decide", Seconds: 0.1, Known: true, Evidence: "db2 holds the leader key"},
				{Name: "promote", Seconds: 0.149, Known: true, Evidence: "db2 says it is the primary"}, {Name: "reroute", Seconds: 0.084, Known: true, Evidence: "web1, web2, web3 write to db2"},
				{Name: "reconnect", Seconds: 0.195, Known: true, Evidence: "first write of the stable run"}},
		}},
		Data: score.Data{Known: true, Acknowledged: 4666, Recovered: 9, Bound: 0.95},
		Load: score.Load{Planned: 24000, Accounted: 24000, LagP99: sec(0.0012), LagMax: sec(0.081), VoidedSecs: 1},
	}
}

// failCard lost writes and is capped.
func failCard() score.Card {
	c := passCard()
	c.Topology, c.Verdict, c.Grade = "replicated-async", score.Fail, "D"
	c.Why = []string{"lost_writes: 12 are more than the goal of at most 0", "12 acknowledged writes are gone: ids 1841 to 1852 are on no node"}
	c.Caps = []score.Cap{{Limit: 40, Why: "12 acknowledged writes lost, beyond the declared RPO of 0"}}
	c.Score = exactly(40)
	c.Goals[2].Value, c.Goals[2].Verdict, c.Goals[2].Why = exactly(12), score.Fail, "12 of 4,666 acknowledged"
	c.Parts[3].PointsLost, c.Parts[3].Quantity = exactly(10.2), "12 lost, 300 ms of writes; 60 % are kept at 100 ms"
	c.Data.Lost, c.Data.Diverged, c.Data.RPOSeconds, c.Data.LostIDs = 12, 1, 0.3, []uint64{1841, 1842, 1843, 1844}
	c.Faults[0].Stages[3] = score.Stage{Name: "reroute", Evidence: "the web nodes did not say where they write"}
	c.Faults[0].Stages[4].Seconds = 0.279
	c.Faults[0].After = nil
	c.Classes[2].Outages = append(c.Classes[2].Outages, score.Outage{Start: sec(120.4), Open: true, Bad: 3, Resolution: sec(0.025)})
	c.Warnings = []string{"the machine stalled for 61 ms at 88.20 s: latencies near that moment are partly its own"}
	return c
}

// unknownCard has a fault without effect and a generator that fell behind.
func unknownCard() score.Card {
	c := passCard()
	c.Verdict, c.Grade = score.Unknown, "F"
	c.Why = []string{"fault 1 (kill on web9) had no effect that anybody saw: the container still answered", "58 s are void: the load generator was late"}
	c.Score = score.Interval{Value: 50, Lo: 0, Hi: 100}
	for i := range c.Parts[:5] {
		p := &c.Parts[i]
		p.Known, p.Utility, p.Why, p.PointsLost = false, score.Interval{Value: 0.5, Hi: 1}, "the fault was not proven", score.Interval{Value: p.Weight / 0.9 / 2, Hi: p.Weight / 0.9}
	}
	for i := range c.Goals {
		c.Goals[i].Known, c.Goals[i].Verdict, c.Goals[i].Why = false, score.Unknown, "the fault was not proven"
	}
	c.Faults = []score.Hit{{Kind: "kill", On: []string{"web9"}, Asked: sec(59.81), Why: "web9 answered all along"}}
	c.Data = score.Data{Why: "db3 could not be read: connection refused"}
	c.Load.VoidedSecs, c.Load.LagP99, c.Load.Accounted = 58, sec(0.4), 23990
	c.Classes[0].UnknownSecs = 58
	return c
}

// controlCard is that of a run without a fault.
func controlCard() score.Card {
	c := passCard()
	c.Experiment, c.Claim = "steady", "Without a fault nothing is lost: this card is the noise floor"
	c.Faults, c.Grade, c.Score = nil, "A", exactly(100)
	c.Parts = c.Parts[:1]
	c.Parts[0].PointsLost, c.Parts[0].Quantity = exactly(0), "0 s of service lost"
	c.Goals = c.Goals[:1]
	c.Goals[0].Value = exactly(1)
	c.Measures = nil
	for i := range c.Classes {
		k := &c.Classes[i]
		k.Outages, k.Fail, k.Info, k.Slow, k.OK, k.LostSeconds, k.Availability, k.UnknownSecs = nil, 0, 0, 0, k.Planned, 0, 1, 0
	}
	c.Load.VoidedSecs = 0
	return c
}
