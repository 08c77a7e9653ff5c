package loadgen

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// A request is on time while it is no later than onTime: the sleep of a timer and the turn of a busy processor are no stall.
// One that is later than prompt counts as sent on top of those that are due when it leaves.
//
// What the generator itself was late with, by up to ownLate, is not held back while places are free and nobody waits: on a busy
// machine its hiccups would become slow answers, and thousands of requests that wait would make it slower still (measured: a send
// lag of 2 s where 0.1 s would do). The system then meets a burst of no more than ownLate's requests.
const (
	onTime  = 20 * time.Millisecond
	prompt  = 10 * time.Millisecond
	ownLate = 200 * time.Millisecond
)

// spans are the times over which what is sent is compared with what is due: the first in which ten requests are due.
var spans = [...]time.Duration{100 * time.Millisecond, time.Second, 10 * time.Second}

const enoughDue = 10

// How many requests may wait at a gate, with those that gave up and are still in its lists. Of more than a generator can send nearly all
// would wait for their deadlines, and what that takes would be missing for those that are sent: some 30 KB for one that waits in a
// goroutine, 100 bytes for one in a lane's line.
const (
	lineLimit  = 10_000
	queueLimit = 100_000
)

var errLineFull = errors.New("too many requests wait for a connection already")

// gate lets the requests of one pool pass, no more at a time than the pool can carry, so that the queue is here and not in
// net/http, which would send all of it at once when a system that hung answers again. A request on time passes as soon as a
// place is free. Overdue ones pass one by one, so that no span of time has more than pace times what is due in it.
type gate struct {
	places int
	pace   float64 // >= 1
	due    func(from, to time.Time) uint64
	end    time.Time // nothing is due from then on; zero: there is no end

	mu    sync.Mutex
	used  int
	fresh []*ticket // on time when they came, in the order in which they came
	held  []*ticket // overdue, in the order in which they became so
	gone  int       // of held: given up
	late  counter   // that passed
	next  time.Time // no overdue one passes before it
	timer *time.Timer
}

// ticket is a request that waits at a gate.
type ticket struct {
	due   time.Time
	pass  chan struct{} // closed when it passes; nil before it waits, and with told
	told  *lineup
	n     uint64 // its number in the schedule of told's lane
	came  time.Time
	late  bool // was overdue then
	state ticketState
}

// most is how many may wait when it comes.
func (t *ticket) most() int {
	if t.told != nil {
		return queueLimit
	}
	return lineLimit
}

type ticketState uint8

const (
	waiting ticketState = iota
	passed
	left
)

func newGate(places int, pace float64, due func(from, to time.Time) uint64) *gate {
	return &gate{places: places, pace: pace, due: due}
}

// enter waits until the request may be sent, or fails with ctx, or at once if too many wait already. Who has entered must leave.
func (g *gate) enter(ctx context.Context, due time.Time) error {
	t := &ticket{due: due}
	if waits, err := g.knock(t); !waits {
		return err
	}
	select {
	case <-t.pass:
		return nil
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		if t.state == passed {
			return nil
		}
		g.drop(t)
		return ctx.Err()
	}
}

// giveUp takes a ticket out of the line, and says whether it was still in it.
func (g *gate) giveUp(t *ticket) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.state != waiting {
		return false
	}
	g.drop(t)
	return true
}

// waits says whether a ticket is still in line.
func (g *gate) waits(t *ticket) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return t.state == waiting
}

// drop marks a ticket that nobody waits with any more. The caller holds the lock.
func (g *gate) drop(t *ticket) {
	t.state = left
	if g.gone++; g.gone > 64 && g.gone > len(g.held)/2 {
		g.held = slices.DeleteFunc(g.held, isGone)
		g.fresh = slices.DeleteFunc(g.fresh, isGone)
		g.gone = 0
	}
}

func isGone(t *ticket) bool { return t.state == left }

// knock passes at once or waits in line, and says whether it waits.
func (g *gate) knock(t *ticket) (waits bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	free := len(g.fresh) == 0 && g.used < g.places
	if late := now.Sub(t.due); free && (late <= onTime || late <= ownLate && g.newest() == nil) {
		g.pass(t, now)
		return false, nil
	}
	if most := t.most(); len(g.fresh)+len(g.held) >= most {
		return false, errLineFull
	}
	if t.told == nil {
		t.pass = make(chan struct{})
	}
	g.fresh = append(g.fresh, t)
	g.pump(now)
	return t.state == waiting, nil
}

// leave gives the place to the next.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used--
	g.pump(time.Now())
}

// pump lets pass whoever may. The caller holds the lock.
func (g *gate) pump(now time.Time) {
	g.age(now)
	for g.used < g.places {
		switch {
		case len(g.fresh) > 0:
			t := g.fresh[0]
			g.fresh = g.fresh[1:]
			g.let(t, now)
		case g.newest() == nil:
			return
		case !g.room(now):
			g.wake(now)
			return
		default:
			t := g.newest()
			g.held = g.held[:len(g.held)-1]
			g.let(t, now)
		}
	}
}

func (g *gate) let(t *ticket, now time.Time) {
	if t.state == left {
		return
	}
	g.pass(t, now)
}

func (g *gate) pass(t *ticket, now time.Time) {
	t.state = passed
	g.used++
	if now.Sub(t.due) > prompt {
		g.late.add(now)
	}
	switch {
	case t.told != nil:
		t.told.tell(turn{t.n, now.Sub(t.came)})
	case t.pass != nil:
		close(t.pass)
	}
}

// age moves those that are on time no longer to the overdue ones.
func (g *gate) age(now time.Time) {
	for len(g.fresh) > 0 {
		t := g.fresh[0]
		if t.state == waiting && now.Sub(t.due) <= onTime {
			return
		}
		if t.state == waiting {
			g.held = append(g.held, t)
		}
		g.fresh = g.fresh[1:]
	}
}

// newest is the overdue request whose deadline is the furthest, nil if none waits.
func (g *gate) newest() *ticket {
	for len(g.held) > 0 {
		t := g.held[len(g.held)-1]
		if t.state == waiting {
			return t
		}
		g.held, g.gone = g.held[:len(g.held)-1], max(0, g.gone-1)
	}
	return nil
}

// room says whether an overdue request may pass now, and if so when the next one may.
func (g *gate) room(now time.Time) bool {
	if g.pace <= 1 || now.Before(g.next) {
		return false
	}
	span, due := g.span(now)
	extra := (g.pace-float64(prompt)/float64(span))*float64(due) - float64(g.due(now.Add(-span), now))
	if span == spans[len(spans)-1] && g.pace > 1 {
		extra = max(extra, 1) // a load that is this slow bursts with nothing
	}
	if float64(g.late.since(now, span))+1 > extra {
		return false
	}
	apart := time.Duration(float64(span) / extra)
	if now.Sub(g.next) > 2*time.Millisecond { // the timer is no finer: what it lost is made up for, what nobody wanted is not
		g.next = now
	}
	g.next = g.next.Add(apart)
	return true
}

// span is the time to look back over, and how many requests are due in it. What is left after the end of the schedule goes at the
// pace that the schedule had at its end: then nothing else is sent, and to hold it back would only make it miss its deadlines.
func (g *gate) span(now time.Time) (time.Duration, uint64) {
	var due uint64
	if !g.end.IsZero() && now.After(g.end) {
		now = g.end
	}
	for _, span := range spans {
		if due = g.due(now.Add(-span), now); due >= enoughDue {
			return span, due
		}
	}
	return spans[len(spans)-1], max(1, due)
}

// wake looks again a little later.
func (g *gate) wake(now time.Time) {
	if g.pace <= 1 {
		return
	}
	wait := max(time.Millisecond, g.next.Sub(now))
	if g.timer == nil {
		g.timer = time.AfterFunc(wait, g.again)
	} else {
		g.timer.Reset(wait)
	}
}

func (g *gate) again() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pump(time.Now())
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		g.timer.Stop()
	}
}

// counter counts events over the last ten seconds in slots of 5 ms.
type counter struct {
	slots [2048]uint32
	last  int64 // number of the slot that was counted in last
	zero  time.Time
}

const slotLength = 5 * time.Millisecond

func (c *counter) slot(now time.Time) int64 {
	if c.zero.IsZero() {
		c.zero = now
	}
	n := int64(now.Sub(c.zero) / slotLength)
	for from := max(c.last+1, n-int64(len(c.slots))+1); from <= n; from++ {
		c.slots[from%int64(len(c.slots))] = 0
	}
	c.last = max(c.last, n)
	return c.last
}

func (c *counter) add(now time.Time) { c.slots[c.slot(now)%int64(len(c.slots))]++ }

// since counts the events of a span of at most ten seconds that ends now, and of the slot in which it begins.
func (c *counter) since(now time.Time, span time.Duration) uint64 {
	var sum uint64
	n := c.slot(now)
	for i := max(0, n-int64(span/slotLength)); i <= n; i++ {
		sum += uint64(c.slots[i%int64(len(c.slots))])
	}
	return sum
}

// dueIn counts the requests of some lanes that are due from one time to before another.
func dueIn(lanes []*lane) func(from, to time.Time) uint64 {
	return func(from, to time.Time) uint64 {
		var sum uint64
		for _, l := range lanes {
			begin := l.target.begin()
			sum += l.plan.before(to.Sub(begin)) - l.plan.before(from.Sub(begin))
		}
		return sum
	}
}
