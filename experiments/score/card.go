package score

import (
	"time"
)

// Verdict is three-valued; the zero value is Unknown. Fail beats Unknown beats Pass.
type Verdict int

// The verdicts.
const (
	Unknown Verdict = iota
	Fail
	Pass
)

// Card is what a run means. It is a pure function of the recording.
type Card struct {
	Formula    string   `json:"formula"` // version of the scoring formula
	Experiment string   `json:"experiment"`
	Topology   string   `json:"topology"`
	Claim      string   `json:"claim"`
	Verdict    Verdict  `json:"verdict"`
	Why        []string `json:"why,omitempty"` // reasons for Unknown or Fail, worst first
	// Score is in [0,100]; Lo and Hi bound it where a part has no evidence.
	Score       Interval       `json:"score"`
	Grade       string         `json:"grade"` // A to F, from the lower end
	Parts       []Part         `json:"parts"`
	Caps        []Cap          `json:"caps,omitempty"`
	Goals       []Measure      `json:"goals"`
	Measures    []Measure      `json:"measures"` // all that was measured, goals or not
	Classes     []Class        `json:"classes"`
	Faults      []Hit          `json:"faults"`
	Data        Data           `json:"data"`
	Containers  []ContainerUse `json:"containers,omitempty"` // those that were asked what they use
	Cost        Cost           `json:"cost"`
	Jobs        *JobLedger     `json:"jobs,omitempty"`        // nil: the topology has no queue
	Drain       *Drain         `json:"drain,omitempty"`       // nil: the topology has no queue, or nothing was disturbed
	Consistency *Consistency   `json:"consistency,omitempty"` // nil: no registers were called
	Alerts      []Alert        `json:"alerts,omitempty"`      // of the rules that the experiment names
	Load        Load           `json:"load"`
	Warnings    []string       `json:"warnings,omitempty"`
	WhatIf      []string       `json:"what_if,omitempty"` // the changes of a card that never was; none: it is what happened
}

// Interval is a closed interval with the value that is printed.
type Interval struct {
	Value float64 `json:"value"`
	Lo    float64 `json:"lo"`
	Hi    float64 `json:"hi"`
}

// Part is one weighted part of the score. The points lost over all parts add up to 100 - Score before caps.
type Part struct {
	Name       string   `json:"name"`
	Weight     float64  `json:"weight"`
	Applicable bool     `json:"applicable"`
	Known      bool     `json:"known"`
	Quantity   string   `json:"quantity"` // the measured x in words and units
	X          float64  `json:"x"`
	Threshold  float64  `json:"threshold"`
	Utility    Interval `json:"utility"`     // in [0,1]
	PointsLost Interval `json:"points_lost"` // of 100
	Why        string   `json:"why,omitempty"`
}

// Cap limits the score for safety's sake.
type Cap struct {
	Limit float64 `json:"limit"`
	Why   string  `json:"why"`
}

// Measure is one measured quantity, perhaps with a goal.
type Measure struct {
	Metric   string   `json:"metric"`
	Unit     string   `json:"unit"`           // seconds, ratio, count, bytes
	More     bool     `json:"more,omitempty"` // of a query of the user's own: more is better
	Known    bool     `json:"known"`
	Value    Interval `json:"value"`
	Goal     string   `json:"goal,omitempty"` // as the experiment states it, such as "at most 10s"
	Verdict  Verdict  `json:"verdict"`        // of the goal; Unknown without one
	Why      string   `json:"why,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// Class is what the clients of one operation class and region felt.
type Class struct {
	Name         string          `json:"name"`
	Region       string          `json:"region,omitempty"`
	Planned      uint64          `json:"planned"`
	OK           uint64          `json:"ok"`
	Fail         uint64          `json:"fail"`
	Info         uint64          `json:"info"`
	Missed       uint64          `json:"missed"`
	Slow         uint64          `json:"slow"` // ok, but slower than the limit
	LostSeconds  float64         `json:"lost_seconds"`
	Availability float64         `json:"availability"` // 1 - lost seconds / length of fault and recovery
	Worst        []WindowedWorst `json:"worst"`
	Outages      []Outage        `json:"outages"`
	LongestGap   time.Duration   `json:"longest_gap_ns"` // without a good completion
	P50          time.Duration   `json:"p50_ns"`         // baseline
	P99          time.Duration   `json:"p99_ns"`
	FaultP50     time.Duration   `json:"fault_p50_ns"` // fault and recovery
	FaultP99     time.Duration   `json:"fault_p99_ns"`
	UnknownSecs  int             `json:"unknown_seconds"` // voided by the generator's own lag, or by pauses of this machine
}

// WindowedWorst is the lowest availability over any window of the given length.
type WindowedWorst struct {
	Window       time.Duration `json:"window_ns"`
	Availability float64       `json:"availability"`
}

// Outage is one outage window: from the due time of the first bad op to the completion of the first op of a stable run.
type Outage struct {
	Start      time.Duration `json:"start_ns"`
	End        time.Duration `json:"end_ns"` // 0 with Open
	Open       bool          `json:"open"`   // never ended within the recording
	Flaps      int           `json:"flaps"`  // good stretches inside that were not stable
	Bad        uint64        `json:"bad"`
	Resolution time.Duration `json:"resolution_ns"` // each edge is known to ± this
	StableDue  time.Duration `json:"stable_due_ns"` // due time of the first op of the stable run
	AllDue     time.Duration `json:"all_due_ns"`    // due time of the op by which every server of that run had served one
	LastBad    time.Duration `json:"last_bad_ns"`   // due time of the last bad op
}

// Hit is one fault with the failover that followed.
type Hit struct {
	Step     int           `json:"step"`
	Kind     string        `json:"kind"`
	On       []string      `json:"on"`
	Roles    []string      `json:"roles,omitempty"`
	Asked    time.Duration `json:"asked_ns"`
	Began    time.Duration `json:"began_ns"`
	Healed   time.Duration `json:"healed_ns"`
	Actions  []string      `json:"actions,omitempty"` // what was done and how it was undone
	Notes    []string      `json:"notes,omitempty"`   // such as that it was applied again after a restart
	Proof    string        `json:"proof"`
	Proven   bool          `json:"proven"`             // its effect was seen, by the engine and by those who asked the target
	Class    string        `json:"class,omitempty"`    // the class hit worst
	Failover *Interval     `json:"failover,omitempty"` // seconds; nil: nothing failed
	Open     bool          `json:"open,omitempty"`     // not served for good again within the recording: Failover.Hi is no bound
	Stages   []Stage       `json:"stages,omitempty"`
	After    *Interval     `json:"after,omitempty"` // seconds from heal to steady; nil: never
	Why      string        `json:"why,omitempty"`
}

// Stage is a piece of the failover time; the stages add up to it.
type Stage struct {
	Name     string  `json:"name"` // detect, decide, promote, reroute, reconnect
	Seconds  float64 `json:"seconds"`
	Known    bool    `json:"known"` // false: its end was not seen, and its time is in the next known stage
	Evidence string  `json:"evidence,omitempty"`
}

// Data is the ledger's verdict on the acknowledged writes.
type Data struct {
	Known        bool     `json:"known"`
	Acknowledged uint64   `json:"acknowledged"`
	Lost         uint64   `json:"lost"`                // ok, absent from the primary
	Recovered    uint64   `json:"recovered"`           // info, present
	Resurrected  uint64   `json:"resurrected"`         // fail, present
	Duplicated   uint64   `json:"duplicated"`          // more than one effect
	Diverged     uint64   `json:"diverged"`            // ids on which a caught-up replica differs from the primary
	Shards       int      `json:"shards,omitempty"`    // database clusters over which the writes are spread; 0: there is only one
	Misplaced    uint64   `json:"misplaced,omitempty"` // on a shard that does not own it
	RPOSeconds   float64  `json:"rpo_seconds"`         // lost writes as seconds of write traffic
	LostIDs      []uint64 `json:"lost_ids,omitempty"`  // the first 20
	Bound        float64  `json:"bound"`               // upper 95 % bound of the loss probability per run, given 0 lost in n = 1
	Why          string   `json:"why,omitempty"`
}

// Load is the generator's account of itself.
type Load struct {
	Planned    uint64        `json:"planned"`
	Accounted  uint64        `json:"accounted"` // ok + fail + info + missed; must equal Planned
	LagP99     time.Duration `json:"lag_p99_ns"`
	LagMax     time.Duration `json:"lag_max_ns"`
	VoidedSecs int           `json:"voided_seconds"`
	VoidedNear int           `json:"voided_near_faults"` // those of them within 10 s after a fault began or was healed
}
