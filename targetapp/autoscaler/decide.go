package autoscaler

import "time"

// Reading is one look at what a rule goes by. One that failed has Err set: a gap, never a zero.
type Reading struct {
	At    time.Time
	Value float64
	Err   error
}

// Fleet is what there is of a tier.
type Fleet struct {
	Running int       // containers that run
	Made    int       // of all, those that the autoscaler made
	Last    time.Time // when the last action on the tier ended; zero: there was none
}

// Decision is what to do about a tier now, and why. It names no numbers that change with each look, so that it is told when it changes.
type Decision struct {
	Change int // containers to add, negative: to remove
	Why    string
}

// Why nothing is done.
const (
	whyCalm     = "within the bounds"
	whyUnknown  = "the measure is not known"
	whySoonOut  = "above, but not for long enough yet"
	whySoonIn   = "below, but not for long enough yet"
	whyCooldown = "the last action was just now"
	whyMost     = "above, but there are as many as may be"
	whyLeast    = "below, but there are as few as may be"
	whyNotMine  = "below, but none was made by the autoscaler"
)

// Decide says what a rule asks for now. past are the readings in the order in which they were made; two that are more than gap apart
// say nothing about the time between.
func Decide(r Rule, past []Reading, f Fleet, now time.Time, gap time.Duration) Decision {
	above := lasts(past, now, gap, func(v float64) bool { return v > r.Out.At })
	below := lasts(past, now, gap, func(v float64) bool { return v < r.In.At })
	switch {
	case !known(past, now, gap):
		return Decision{Why: whyUnknown}
	case above < 0 && below < 0:
		return Decision{Why: whyCalm}
	case above >= 0 && above < r.Out.For:
		return Decision{Why: whySoonOut}
	case below >= 0 && below < r.In.For:
		return Decision{Why: whySoonIn}
	case !f.Last.IsZero() && now.Sub(f.Last) < r.Cooldown:
		return Decision{Why: whyCooldown}
	case above >= 0:
		return more(r, f)
	}
	return fewer(r, f)
}

func more(r Rule, f Fleet) Decision {
	if room := r.Max - f.Running; room > 0 {
		return Decision{Change: min(r.Out.Step, room), Why: "above"}
	}
	return Decision{Why: whyMost}
}

// fewer removes what the autoscaler made, and nothing else.
func fewer(r Rule, f Fleet) Decision {
	spare := f.Running - r.Min
	switch {
	case f.Made == 0:
		return Decision{Why: whyNotMine}
	case spare <= 0:
		return Decision{Why: whyLeast}
	}
	return Decision{Change: -min(r.In.Step, spare, f.Made), Why: "below"}
}

// known says whether the last reading is one, and is not old.
func known(past []Reading, now time.Time, gap time.Duration) bool {
	if len(past) == 0 {
		return false
	}
	last := past[len(past)-1]
	return last.Err == nil && now.Sub(last.At) <= gap
}

// lasts is for how long the readings up to the last one have been as wanted without a gap; negative if the last one is not.
func lasts(past []Reading, now time.Time, gap time.Duration, want func(float64) bool) time.Duration {
	since, next := time.Time{}, now
	for i := len(past) - 1; i >= 0; i-- {
		r := past[i]
		if r.Err != nil || !want(r.Value) || next.Sub(r.At) > gap {
			break
		}
		since, next = r.At, r.At
	}
	if since.IsZero() {
		return -1
	}
	return now.Sub(since)
}
