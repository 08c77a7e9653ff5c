package score

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
)

// The instrument is checked against made-up runs in which the truth is known: outages of known length and kind, at several
// rates and at many offsets between the outage's start and the schedule.
func TestOutagesOfKnownLength(t *testing.T) {
	const began = 20 * time.Second
	lengths := []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second, 5 * time.Second, 30 * time.Second}
	for _, rate := range []float64{20, 50, 200} {
		for _, kind := range []string{"refuse", "500", "hang", "slow"} {
			for _, length := range lengths {
				t.Run(fmt.Sprintf("%s %v at %v per s", kind, length, rate), func(t *testing.T) {
					checkKnownOutage(t, kind, rate, began, length)
				})
			}
		}
	}
}

// checkKnownOutage sweeps the phase of the schedule over one period. A mean error is a bias; an interval that does not hold
// the truth is a lie, whatever the mean. A first bad request is due half a period late on average. Where all that hang are
// served at the same moment nothing makes up for it at the end, so at low rates half a period, and a tenth for the coarse
// sweep, is allowed.
func checkKnownOutage(t *testing.T, kind string, rate float64, began, length time.Duration) {
	const sweeps = 10
	period := time.Duration(float64(time.Second) / rate)
	var bias, lostBias float64
	misses := 0
	for i := range sweeps {
		at := began + period*time.Duration(i)/sweeps + 7*time.Microsecond
		s := newSynth(load{class: "read", rate: rate})
		s.exp.Phases.Recovery = 12 * time.Second
		c := s.step("kill", "", at, at+length+3*time.Second, "web1").wrong("read", kind, at, at+length).score(t)
		m := find(t, c, "read_outage")
		outage, lost := truth(kind, length)
		if m.Value.Lo > outage || m.Value.Hi < outage {
			misses++
		}
		bias += (m.Value.Value - outage) / sweeps
		lostBias += (find(t, c, "read_lost_seconds").Value.Value - lost) / sweeps
	}
	if allowed := max(0.020, 0.6/rate); max(bias, -bias) > allowed {
		t.Errorf("outages are measured %.1f ms too long on average; want within %.0f ms", 1000*bias, 1000*allowed)
	}
	if max(lostBias, -lostBias) > 0.020 {
		t.Errorf("lost seconds are %.1f ms too high on average; want within 20 ms", 1000*lostBias)
	}
	if misses*100 > sweeps {
		t.Errorf("%d of %d printed intervals do not hold the truth; want 1 %% at most", misses, sweeps)
	}
}

// truth is what clients feel of a trouble, in seconds: the outage window and the lost seconds. Requests that hang for less
// than the limit are served well enough, so a hang is felt by those that were due earlier than that before its end. It ends for
// all of them when it ends. A slow answer is slow until it has come, but the next one is not: the window ends with the first
// good answer.
func truth(kind string, length time.Duration) (outage, lost float64) {
	if kind == "hang" {
		if length <= limit {
			return 0, 0
		}
		return length.Seconds(), (length - limit).Seconds()
	}
	return length.Seconds(), length.Seconds()
}

// Failover counts from the effect to the due time of the first request that was served for good.
func TestFailoverOfKnownLength(t *testing.T) {
	const began = 20 * time.Second
	for _, rate := range []float64{20, 100} {
		for _, length := range []time.Duration{200 * time.Millisecond, 3 * time.Second, 12 * time.Second} {
			misses, bias := 0, 0.0
			const sweeps = 40
			for i := range sweeps {
				at := began + time.Duration(i)*time.Millisecond
				s := newSynth(load{class: "write", rate: rate, ledger: true}, load{class: "read", rate: 50})
				s.step("kill", "", at, at+30*time.Second, "web1").wrong("write", "500", at, at+length)
				f := s.score(t).Faults[0].Failover
				if f == nil {
					t.Fatalf("no failover seen in an outage of %v", length)
				}
				if f.Lo > length.Seconds() || f.Hi < length.Seconds() {
					misses++
				}
				bias += (f.Value - length.Seconds()) / sweeps
			}
			if misses > 0 || max(bias, -bias) > 1/rate {
				t.Errorf("outage %v at %v per s: %d intervals miss the truth, bias %.1f ms", length, rate, misses, 1000*bias)
			}
		}
	}
}

// The servers of a tier find the new primary one after the other, and the load balancer deals requests as they come. The truth is
// the moment at which the last server follows; the interval must hold it however the requests are dealt.
func TestFailoverOfServersThatFollowOneByOne(t *testing.T) {
	const (
		began  = 20 * time.Second
		sweeps = 100
	)
	servers := []string{"web1", "web2", "web3"}
	early := 0
	for i := range sweeps {
		dice := rand.New(rand.NewPCG(uint64(i), 1))
		s := newSynth(load{class: "write", rate: 40, ledger: true, server: func(int) string { return servers[dice.IntN(len(servers))] }}, load{class: "read", rate: 50})
		s.step("kill", "", began, began+30*time.Second, "db1")
		var truth time.Duration
		for _, name := range servers {
			length := 3*time.Second + time.Duration(dice.IntN(200))*time.Millisecond
			truth = max(truth, length)
			s.wrongs = append(s.wrongs, trouble{class: "write", kind: "500", from: began, to: began + length, server: name})
		}
		f := s.score(t).Faults[0].Failover
		if f.Lo > truth.Seconds() || f.Hi < truth.Seconds() {
			t.Errorf("sweep %d: the interval %.3f to %.3f does not hold the truth, %v", i, f.Lo, f.Hi, truth)
		}
		if f.Value+0.010 < truth.Seconds() {
			early++
		}
	}
	if early == 0 {
		t.Error("the first good write was never earlier than the last server's; this test cannot fail")
	}
}

func find(t testing.TB, c Card, metric string) Measure {
	t.Helper()
	for _, m := range c.Measures {
		if m.Metric == metric {
			return m
		}
	}
	t.Fatalf("the card has no measure %s", metric)
	return Measure{}
}

// A target that answers while it should be dead or frozen makes the run unknown. One that is only slow, or behind, may answer.
func TestTargetsThatAnswerAllTheSame(t *testing.T) {
	for kind, doubt := range map[string]bool{"kill": true, "pause": true, "stop": true, "remove": true, "crash": false, "slow-replay": false, "delay": false, "cpu": false} {
		s := newSynth(load{class: "write", rate: 40, ledger: true}, load{class: "read", rate: 50})
		s.step(kind, "", 20*time.Second, 40*time.Second, "web1")
		s.add(history.Event{Point: &probe.Point{Metric: probe.Answers, Target: "web1", At: 30 * time.Second, Value: 1}})
		c := s.score(t)
		said := slices.ContainsFunc(c.Why, func(why string) bool { return strings.Contains(why, "still answered") })
		if said != doubt || c.Faults[0].Proven == doubt {
			t.Errorf("%s: doubted %v, proven %v; want doubted %v: %v", kind, said, c.Faults[0].Proven, doubt, c.Why)
		}
	}
}

// Of several targets the last may answer until it is hit, too.
func TestTargetsThatAreHitLater(t *testing.T) {
	for at, doubt := range map[time.Duration]bool{23 * time.Second: false, 30 * time.Second: true} {
		s := newSynth(load{class: "write", rate: 40, ledger: true}, load{class: "read", rate: 50})
		s.step("kill", "", 20*time.Second, 40*time.Second, "web1", "web2")
		s.events[len(s.events)-1].Fault.Whole = 23 * time.Second
		s.add(history.Event{Point: &probe.Point{Metric: probe.Answers, Target: "web2", At: at, Value: 1}})
		if c := s.score(t); c.Faults[0].Proven == doubt {
			t.Errorf("answer at %v: proven %v, want %v: %v", at, c.Faults[0].Proven, !doubt, c.Why)
		}
	}
}
