package score

import (
	"fmt"

	"gauntlet/experiments/history"
	"gauntlet/experiments/spec"
)

// Formula is the version of the scoring formula. It changes whenever the same recording could score differently.
//
// R2: what was not read back or not watched may hide what a cap is for, so that the lower end is below that cap; and a run
// without any word from its probes is in doubt. Some void seconds far from the edges of faults no longer put the whole run in
// doubt: what they hide is in the intervals.
//
// R3: the backlog of jobs counts as pressure where the topology has a queue, and so does the use of the web nodes' processors; alerts are scored where the experiment names rules.
// R4: a failover is known to have ended only when every server of the tier was seen to serve again; registers whose history is not
// linearizable count as data, and so do jobs that were lost or done more than once.
//
// R5: nor do void seconds near the edges of faults put the whole run in doubt. They widen the intervals of outages, failover and
// recovery, as if the service had been out in all of them.
//
// R6: seconds in which this machine paused for more than 60 ms are void. Before, 1 in 1,000 ticks of the stall probe that were more than
// 50 ms late put the whole run in doubt; now more than 10 % of such seconds do.
const Formula = "R6"

// Weights and thresholds of the parts. The threshold of lost service is 1 % of 5 min, the smallest outage that a rule of
// "more than 1 % errors for 5 min" can see in its most sensitive reading.
const (
	lostThreshold     = 3.0 // seconds
	databaseFailover  = 30.0
	otherFailover     = 5.0
	afterThreshold    = 30.0
	rpoThreshold      = 0.1
	lagThreshold      = 10.0
	weightLost        = 35.0
	weightFailover    = 15.0
	weightAfter       = 10.0
	weightData        = 20.0
	weightPressure    = 10.0
	weightAlerting    = 10.0
	wrongData         = 0.6 // the highest utility of data that are wrong in any way
	capNotSteady      = 20.0
	capLostWrites     = 40.0
	illegalCapNote    = "the history of a register is not linearizable although the topology promises that no acknowledged write is lost"
	lostWritesCapNote = "acknowledged writes were lost although the topology promises that none are"
)

// parts rates what applies. What applies is decided by the experiment's steps and the topology's roles, never by a flag.
func parts(e spec.Experiment, h *history.History, b *book, p points, c *Card) []Part {
	out := []Part{lostPart(b, c), failoverPart(e, h, c), afterPart(e, h, b, c), dataPart(h, c), pressurePart(h, p), alertingPart(c.Alerts)}
	var weights float64
	for _, pt := range out {
		if pt.Applicable {
			weights += pt.Weight
		}
	}
	for i := range out {
		out[i].lose(weights)
	}
	return out
}

// lose computes the points that the part loses of 100. Without evidence it could lose all or nothing.
func (p *Part) lose(weights float64) {
	if !p.Applicable {
		return
	}
	if !p.Known {
		p.Utility = Interval{Value: 0, Lo: 0, Hi: 1}
	}
	share := 100 * p.Weight / weights
	p.PointsLost = Interval{Value: share * (1 - p.Utility.Value), Lo: share * (1 - p.Utility.Hi), Hi: share * (1 - p.Utility.Lo)}
}

func lostPart(b *book, c *Card) Part {
	lost := b.lostSeconds()
	p := Part{Name: "lost service", Weight: weightLost, Applicable: true, Known: b.span.length() > 0, X: lost.Value, Threshold: lostThreshold}
	p.Quantity = fmt.Sprintf("%.2f s lost over fault and recovery, weighted by traffic", lost.Value)
	p.Utility = utilities(lost, lostThreshold)
	if c.Load.VoidedSecs > 0 {
		p.Why = fmt.Sprintf("%d seconds are void: the generator was behind or the machine paused", c.Load.VoidedSecs)
	}
	return p
}

// failoverPart takes the step with the lowest utility. A fault that nobody felt has a failover time of 0.
func failoverPart(e spec.Experiment, h *history.History, c *Card) Part {
	p := Part{Name: "failover", Weight: weightFailover, Applicable: len(e.Steps) > 0, Threshold: otherFailover, Utility: exactly(1), Quantity: "no request failed"}
	p.Known = p.Applicable && len(c.Faults) == len(e.Steps)
	for i, hit := range c.Faults {
		p.Known = p.Known && hit.Began != 0
		if hit.Failover == nil {
			continue
		}
		threshold := otherFailover
		if isDatabase(h.Faults[i]) {
			threshold = databaseFailover
		}
		u := utilities(*hit.Failover, threshold)
		if hit.Open {
			u.Lo = 0
		}
		if u.Value < p.Utility.Value || p.X == 0 {
			p.Utility.Value, p.X, p.Threshold = u.Value, hit.Failover.Value, threshold
			p.Quantity = hit.felt()
		}
		p.Utility.Lo, p.Utility.Hi = min(p.Utility.Lo, u.Lo), min(p.Utility.Hi, u.Hi)
	}
	return p
}

// felt says how long clients felt a fault.
func (hit *Hit) felt() string {
	if hit.Failover.Value == 0 {
		return fmt.Sprintf("no %s request is known to have failed over, at most %.2f s may be hidden", hit.Class, hit.Failover.Hi)
	}
	return fmt.Sprintf("%.2f s until %s requests were served for good", hit.Failover.Value, hit.Class)
}

func afterPart(e spec.Experiment, h *history.History, b *book, c *Card) Part {
	p := Part{Name: "after-effect", Weight: weightAfter, Applicable: len(e.Steps) > 0, Threshold: afterThreshold, Utility: exactly(1)}
	p.Known = p.Applicable && len(c.Faults) == len(e.Steps)
	var worst Interval
	for i, hit := range c.Faults {
		switch {
		case hit.After == nil && overtaken(h, h.Faults[i]):
		case hit.After == nil && !watchedAfter(b, h.Faults[i]):
			p.Known, p.Why = false, notWatched
		case hit.After == nil:
			p.Utility, p.Quantity = exactly(0), "never steady again"
			return p
		default:
			worst = worst.longest(*hit.After)
			p.X, p.Utility = worst.Value, utilities(worst, afterThreshold)
		}
	}
	if p.Quantity = fmt.Sprintf("%.1f s from heal to steady", p.X); p.Applicable && !p.Known {
		p.Quantity = "not known when it was steady again"
	}
	return p
}

func dataPart(h *history.History, c *Card) Part {
	d := c.Data
	p := Part{Name: "data", Weight: weightData, Applicable: ledgerRate(h) > 0 || c.Consistency != nil, Known: d.Known || ledgerRate(h) == 0, X: d.RPOSeconds, Threshold: rpoThreshold, Why: d.Why}
	p.Utility = exactly(1)
	p.Quantity = fmt.Sprintf("%d of %d acknowledged writes lost", d.Lost, d.Acknowledged)
	if !d.clean() {
		p.Utility = exactly(min(wrongData, utility(d.RPOSeconds, rpoThreshold)))
	} else if d.Why != "" {
		p.Utility.Lo = wrongData // a replica that was not read may differ
	}
	return c.Consistency.rate(c.Jobs.rate(p))
}

// rate lowers the data part for registers whose history is wrong, or may be.
func (c *Consistency) rate(p Part) Part {
	if c == nil {
		return p
	}
	p.Quantity += fmt.Sprintf("; %d of %d registers not linearizable", len(c.Illegal), c.Registers)
	switch {
	case len(c.Illegal) > 0:
		p.Utility = p.Utility.atMost(wrongData)
	case !c.Known:
		p.Utility.Lo, p.Why = min(wrongData, p.Utility.Lo), joined(p.Why, c.Why)
	}
	return p
}

// possibleCap is the lowest cap of which it is not known whether it applies, 100 if there is none. Else not to look would be
// worth more than to look and to find a lost write.
func possibleCap(h *history.History, b *book, c *Card) float64 {
	limit := 100.0
	if unread := !c.Data.Known && ledgerRate(h) > 0; (unread || c.Consistency.undecided()) && h.Header.Sync {
		limit = capLostWrites
	}
	for i, hit := range c.Faults {
		if hit.After == nil && !watchedAfter(b, h.Faults[i]) && !overtaken(h, h.Faults[i]) {
			limit = capNotSteady
		}
	}
	return limit
}

// caps are the limits that safety sets; the score can't be traded above them.
func caps(h *history.History, b *book, c *Card) []Cap {
	var out []Cap
	for i, hit := range c.Faults {
		if hit.After == nil && watchedAfter(b, h.Faults[i]) && !overtaken(h, h.Faults[i]) {
			out = append(out, Cap{capNotSteady, fmt.Sprintf("not steady again by itself after step %d", hit.Step+1)})
		}
	}
	// Note: a topology that replicates asynchronously declares no recovery point of zero. What it loses costs it the data
	// part and any goal on lost_writes, but is what it says of itself.
	if c.Data.Known && c.Data.Lost > 0 && h.Header.Sync {
		out = append(out, Cap{capLostWrites, lostWritesCapNote})
	}
	if c.Consistency != nil && len(c.Consistency.Illegal) > 0 && h.Header.Sync {
		out = append(out, Cap{capLostWrites, illegalCapNote})
	}
	for _, a := range c.Alerts {
		if a.Verdict == AlertMissed {
			out = append(out, Cap{capMissedAlert, "alert " + a.Name + " was due and never fired"})
		}
	}
	return out
}
