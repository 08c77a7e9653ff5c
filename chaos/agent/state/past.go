package state

import "time"

// past remembers which position had been received when.
type past struct{ moments []moment }

type moment struct {
	at       time.Time
	received int64
}

// add appends a moment; they come in order of time. A moment at which nothing new was received is left out.
func (p *past) add(at time.Time, received int64) {
	if n := len(p.moments); n > 0 && p.moments[n-1].received == received {
		return
	}
	p.moments = append(p.moments, moment{at, received})
}

// at returns what had been received by then, and forgets what was before. It is unknown before the first moment.
func (p *past) at(then time.Time) (received int64, known bool) {
	last := -1
	for i, m := range p.moments {
		if m.at.After(then) {
			break
		}
		last = i
	}
	if last < 0 {
		return 0, false
	}
	p.moments = p.moments[last:]
	return p.moments[0].received, true
}
