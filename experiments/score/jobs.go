package score

import (
	"fmt"

	"gauntlet/experiments/history"
	"gauntlet/loadgen"
)

// JobLedger is the verdict on the jobs that acknowledged writes brought.
type JobLedger struct {
	Known       bool     `json:"known"`
	Confirmed   uint64   `json:"confirmed"`          // acknowledged writes, each of which promises a job
	Lost        uint64   `json:"lost"`               // of those, whose job had no effect within the time
	Doubled     uint64   `json:"doubled"`            // writes whose job had more than one effect
	Redelivered uint64   `json:"redelivered"`        // jobs that a worker was brought again after they had been done
	LostIDs     []uint64 `json:"lost_ids,omitempty"` // the first 20
	Why         string   `json:"why,omitempty"`
}

// jobs judges the jobs; nil if the topology has no queue. A write that was itself lost is counted there and not here.
func jobs(b *book, h *history.History) *JobLedger {
	if !has(h, "rabbitmq-leader") || ledgerRate(h) == 0 {
		return nil
	}
	out := &JobLedger{Why: "the jobs were not read back"}
	primary, why := primaryOf(h.Reads)
	switch {
	case h.Jobs == nil:
		return out
	case h.Jobs.Err != "":
		out.Why = h.Jobs.Err
		return out
	case why != "":
		out.Why = why
		return out
	}
	out.Known, out.Why, out.Redelivered = true, "", h.Jobs.Redelivered
	highest := uint64(max(1, len(b.ends)) - 1)
	present, done := newIDs(primary.Present, highest), newIDs(h.Jobs.Done, highest)
	for id := uint64(1); id <= highest; id++ {
		if b.ends[id] != loadgen.OK || !present.has(id) {
			continue
		}
		out.Confirmed++
		if done.has(id) {
			continue
		}
		if out.Lost++; len(out.LostIDs) < lostShown {
			out.LostIDs = append(out.LostIDs, id)
		}
	}
	for _, r := range h.Jobs.Doubled {
		out.Doubled += r[1] - r[0] + 1
	}
	return out
}

// rate lowers the data part for jobs that were lost or done twice, or may have been.
func (j *JobLedger) rate(p Part) Part {
	if j == nil {
		return p
	}
	p.Quantity += fmt.Sprintf("; of %d confirmed jobs %d lost and %d done more than once", j.Confirmed, j.Lost, j.Doubled)
	switch {
	case j.Lost > 0 || j.Doubled > 0:
		p.Utility = p.Utility.atMost(wrongData)
	case !j.Known:
		p.Utility.Lo, p.Why = min(wrongData, p.Utility.Lo), joined(p.Why, j.Why)
	}
	return p
}

// joined puts two reasons into one sentence.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// ofJobs measures what became of the jobs.
func (m Measure) ofJobs(name string, j *JobLedger) Measure {
	if j == nil {
		m.Known, m.Why = false, "no write brought a job"
		return m
	}
	m.Known, m.Why, m.Value = j.Known, j.Why, exactly(float64(j.Lost))
	if name == "doubled_jobs" {
		m.Value = exactly(float64(j.Doubled))
	}
	return m
}
