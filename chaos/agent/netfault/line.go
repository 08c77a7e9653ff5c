package netfault

import "time"

// judge decides about packets in the order in which they come.
type judge interface {
	judge(now time.Duration, p packet) fate
}

// ruling says what becomes of packets that wait in the kernel, in order.
type ruling interface {
	upTo(id uint32)                 // all that wait go on, up to this one
	one(id uint32)                  // this one goes on
	replace(id uint32, body []byte) // this one goes on, with another content
	drop(id uint32)
}

// out takes what a line decides.
type out interface {
	ruling
	keep(data []byte) []byte // a copy
	send(packet []byte)      // a packet of our own; it is the out's from now on
}

// maxKept is how many bytes of copies a line keeps; more packets are dropped, as by a router.
const maxKept = 64 << 20

// waiting is a packet that was judged and is not due yet.
type waiting struct {
	id         uint32
	due        time.Duration
	body, send []byte
}

// line holds the packets of one rule in one direction until they are due, in order.
//
// With steal, packets that come are copied, and whoever serves the line drops the originals; the copies are sent when they
// are due. That is for TCP that goes out: as long as the kernel holds a segment, it counts against the sending socket (TCP
// small queues), which then has only two segments in flight, 2 Mbit/s at 20 ms.
type line struct {
	judge judge // nil: everything goes on at once
	out   out
	steal bool
	held  []waiting // by due time; those before head are gone
	head  int
	kept  int // bytes of copies in held
}

// arrive takes a packet.
func (l *line) arrive(now time.Duration, p packet) {
	f := fate{due: now}
	if l.judge != nil {
		f = l.judge.judge(now, p)
	}
	if l.steal {
		if f.drop || l.kept > maxKept {
			return
		}
		if f.body == nil {
			f.body = l.out.keep(p.data)
		}
	}
	w := waiting{id: p.id, due: f.due, body: f.body, send: f.send}
	switch {
	case f.drop:
		l.out.drop(p.id)
		w.rest(l.out)
	case f.overtake:
		l.single(w)
		w.rest(l.out)
	default:
		l.held = append(l.held, w)
		l.kept += len(w.body) + len(w.send)
	}
}

// rest sends the packet that goes along with w.
func (w waiting) rest(o out) {
	if w.send != nil {
		o.send(w.send)
	}
}

// single lets one packet go on.
func (l *line) single(w waiting) {
	switch {
	case l.steal:
		l.out.send(w.body)
	case w.body != nil:
		l.out.replace(w.id, w.body)
	default:
		l.out.one(w.id)
	}
}

// release lets go all that are due at now. Runs of unchanged packets need one verdict.
func (l *line) release(now time.Duration) {
	run := false
	var last uint32
	for ; l.head < len(l.held) && l.held[l.head].due <= now; l.head++ {
		w := l.held[l.head]
		l.kept -= len(w.body) + len(w.send)
		if w.body == nil {
			run, last = true, w.id
		} else {
			if run {
				l.out.upTo(last)
			}
			run = false
			l.single(w)
		}
		w.rest(l.out)
		l.held[l.head] = waiting{}
	}
	if run {
		l.out.upTo(last)
	}
	l.compact()
}

// compact keeps the memory of gone packets from growing.
func (l *line) compact() {
	switch {
	case l.head == len(l.held):
		l.held, l.head = l.held[:0], 0
	case l.head >= 1024 && l.head*2 >= len(l.held):
		l.held = l.held[:copy(l.held, l.held[l.head:])]
		l.head = 0
	}
}

// next is when the first held packet is due.
func (l *line) next() (due time.Duration, ok bool) {
	if l.head == len(l.held) {
		return 0, false
	}
	return l.held[l.head].due, true
}

// drain lets everything go on, now and from now on.
func (l *line) drain(now time.Duration) {
	l.judge = nil
	for i := l.head; i < len(l.held); i++ {
		l.held[i].due = min(l.held[i].due, now)
	}
	l.release(now)
}
