package probe

import (
	"context"
	"errors"
	"time"
)

// asker is one question and what becomes of its answers. Only its poller calls it.
type asker interface {
	// ask asks once. An error is no answer; errIdle says that nothing was due.
	ask(ctx context.Context) error
	// tell emits what the last ask learnt. It is not called for an ask that the end of the run cut short.
	tell(s span, err error)
	// close frees the connection.
	close()
}

// errIdle is an ask that had nothing to ask: neither an answer nor a gap.
var errIdle = errors.New("nothing to ask now")

// span is the time that one ask took, as offsets from the run's origin.
type span struct{ began, ended time.Duration }

func (s span) took() time.Duration { return s.ended - s.began }

// poller asks again and again on a fixed grid of ticks, so that slow answers don't shift later ones.
type poller struct {
	name  string        // who asks whom, such as "role db1": the target of its Coverage points
	every time.Duration // between ticks
	phase time.Duration // of the first tick
	limit time.Duration // of one ask
	asker
}

// run polls until ctx ends.
func (p poller) run(ctx context.Context, c clock, out *emitter) {
	defer p.close()
	next := c.now() + p.phase
	cov := newCoverage(p.name, next)
	for c.sleepUntil(ctx, next) {
		began := c.now()
		err := p.once(ctx)
		if ctx.Err() != nil {
			return
		}
		s := span{began, c.now()}
		p.tell(s, err)
		var missed int
		next, missed = following(next, p.every, s.ended)
		cov.note(s, missed, err)
		if pt, ok := cov.report(s.ended); ok {
			out.point(pt)
		}
	}
}

func (p poller) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	return p.ask(ctx)
}

// following is the tick after tick that is due now, and how many ticks were missed on the way. A tick that is late by
// less than a period is not missed: it is asked at once.
func following(tick, every, now time.Duration) (next time.Duration, missed int) {
	next = tick + every
	if late := now - next; late >= every {
		missed = int(late / every)
		next += time.Duration(missed) * every
	}
	return next, missed
}

// coverage counts how well a poller could see, second by second.
type coverage struct {
	name     string
	second   time.Duration // end of the running second
	due, got int           // polls
	idle     int           // ticks at which there was nothing to ask: nothing was overlooked then
	last     time.Duration // when the last answer came, or when duty began
	gap      time.Duration // longest time without an answer that touched the running second
}

func newCoverage(name string, start time.Duration) *coverage {
	return &coverage{name: name, second: start.Truncate(time.Second) + time.Second, last: start}
}

// note adds one poll and the ticks that it made the poller miss.
func (c *coverage) note(s span, missed int, err error) {
	if errors.Is(err, errIdle) {
		c.idle++
		c.last = s.ended
		return
	}
	c.due += 1 + missed
	c.gap = max(c.gap, s.ended-c.last)
	if err == nil {
		c.got++
		c.last = s.ended
	}
}

// report gives the second's point once it is over. A second in which nothing was due has none. A gap that goes on is
// counted again, from its start, in each later second.
func (c *coverage) report(now time.Duration) (Point, bool) {
	if now < c.second {
		return Point{}, false
	}
	at := now.Truncate(time.Second)
	pt := Point{Metric: Coverage, Target: c.name, At: at, Took: c.gap}
	due := c.due
	if due > 0 {
		pt.Value = float64(c.got+c.idle) / float64(due+c.idle)
	}
	c.second, c.due, c.got, c.idle, c.gap = at+time.Second, 0, 0, 0, 0
	return pt, due > 0
}
