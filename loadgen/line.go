package loadgen

import (
	"sync"
	"time"
)

// lineup is where the requests of one lane wait that its gate does not let pass yet. A request in it is a few words: one that waited
// in a goroutine of the library would hold some 30 KB (measured: 333 MB for 10,000), and take the processor when it is given up.
type lineup struct {
	gate    *gate
	waiting []*ticket // by due time, with those that have passed since
	wake    chan struct{}

	mu     sync.Mutex
	passed []turn // that hold a place and have not been sent
}

// turn is a request that may be sent.
type turn struct {
	n      uint64        // its number in the schedule
	waited time.Duration // for the gate
}

func newLine(g *gate) *lineup { return &lineup{gate: g, wake: make(chan struct{}, 1)} }

// tell notes that a request may be sent. The gate calls it with its lock held, so it waits for nothing.
func (w *lineup) tell(t turn) {
	w.mu.Lock()
	w.passed = append(w.passed, t)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// next takes a request that may be sent.
func (w *lineup) next() (t turn, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.passed) == 0 {
		return turn{}, false
	}
	t = w.passed[0]
	w.passed = w.passed[1:]
	return t, true
}

// join brings a request that is due to the gate, which tells when it may be sent. The error says that too many wait.
func (w *lineup) join(n uint64, due time.Time, late bool) error {
	t := &ticket{due: due, told: w, n: n, late: late, came: time.Now()}
	waits, err := w.gate.knock(t)
	if waits {
		w.waiting = append(w.waiting, t)
	}
	return err
}

// oldest is the request in line that was due first, nil if there is none.
func (w *lineup) oldest() *ticket {
	for len(w.waiting) > 0 {
		if t := w.waiting[0]; w.gate.waits(t) {
			return t
		}
		w.waiting = w.waiting[1:]
	}
	return nil
}

// linePacer drives an attack whose requests wait in a line: it hands those that passed to the library and ends the others itself.
type linePacer struct {
	lane  *lane
	put   func(Sample)
	begin time.Time
	timer *time.Timer
	asked uint64 // requests that came due; read it after the attack has ended
}

// Pace waits until a request may be sent, which becomes number hits of the library. It tells the attack to stop after the last one or
// when the run is cancelled.
func (p *linePacer) Pace(_ time.Duration, hits uint64) (time.Duration, bool) {
	l := p.lane
	for l.ctx.Err() == nil {
		first := p.expire()
		if t, ok := l.line.next(); ok {
			l.assign(hits, t)
			return 0, false
		}
		more := p.asked < l.plan.n
		if more && !time.Now().Before(p.due()) {
			p.admit()
			continue
		}
		switch {
		case more && (first == nil || p.due().Before(p.deadline(first))):
			p.wait(p.due())
		case first != nil:
			p.wait(p.deadline(first))
		default:
			return 0, true
		}
	}
	p.abandon()
	return 0, true
}

// Rate is unknown here: the library asks for it only in its own reports.
func (p *linePacer) Rate(time.Duration) float64 { return 0 }

// due is when the next request comes due.
func (p *linePacer) due() time.Time { return p.begin.Add(p.lane.plan.at(p.asked)) }

func (p *linePacer) deadline(t *ticket) time.Time { return t.due.Add(p.lane.profile.Timeout) }

// admit brings the next request to the gate.
func (p *linePacer) admit() {
	l, n, due := p.lane, p.asked, p.due()
	p.asked++
	late := time.Since(due)
	if late >= l.profile.Timeout {
		p.put(l.missed(n, ErrKindLate))
		return
	}
	if l.line.join(n, due, late > onTime) != nil {
		p.put(l.missed(n, whyLate(late > onTime)))
	}
}

// expire ends the requests in line whose deadline has passed, and returns the first of the others.
func (p *linePacer) expire() *ticket {
	for {
		t := p.lane.line.oldest()
		if t == nil || time.Now().Before(p.deadline(t)) {
			return t
		}
		if p.lane.gate.giveUp(t) {
			p.put(p.lane.missed(t.n, whyLate(t.late)))
		}
	}
}

// abandon ends all that has not been sent.
func (p *linePacer) abandon() {
	l := p.lane
	for t := l.line.oldest(); t != nil; t = l.line.oldest() {
		if l.gate.giveUp(t) {
			p.put(l.missed(t.n, ErrKindCanceled))
		}
	}
	for t, ok := l.line.next(); ok; t, ok = l.line.next() {
		l.gate.leave()
		p.put(l.missed(t.n, ErrKindCanceled))
	}
}

// wait waits until then, or until a request may be sent.
func (p *linePacer) wait(until time.Time) {
	if p.timer == nil {
		p.timer = time.NewTimer(time.Until(until))
	} else {
		p.timer.Reset(time.Until(until))
	}
	defer p.timer.Stop()
	select {
	case <-p.lane.ctx.Done():
	case <-p.timer.C:
	case <-p.lane.line.wake:
	}
}

// whyLate is the kind of a request that could not be sent in time: of one that was late when it came the generator is to blame.
func whyLate(late bool) string {
	if late {
		return ErrKindLate
	}
	return ErrKindNoConnection
}
