package score

import "time"

// gapStep is the resolution of the longest gap.
const gapStep = time.Millisecond

// completions remembers in which milliseconds of the judged time a good request was completed. Requests are not completed in
// the order of their due times, so that a gap is only known when all have been seen.
type completions struct {
	span span
	seen []uint64 // a bit for each step
}

func newCompletions(sp span) completions {
	return completions{sp, make([]uint64, sp.length()/gapStep/64+1)}
}

func (c *completions) add(at time.Duration) {
	if at >= c.span.from && at < c.span.to {
		step := (at - c.span.from) / gapStep
		c.seen[step/64] |= 1 << (step % 64)
	}
}

// longestGap is the longest time without a good completion, the edges of the judged time included.
func (c *completions) longestGap() time.Duration {
	var last, gap time.Duration
	for step := range c.span.length() / gapStep {
		if c.seen[step/64]&(1<<(step%64)) != 0 {
			gap, last = max(gap, step*gapStep-last), step*gapStep
		}
	}
	return max(gap, c.span.length()-last)
}
