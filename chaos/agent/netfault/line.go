package netfault

import "time"

// judge decides about packets in the order in which they come.
type judge interface {
	judge(now time.Duration, p packet) fate
}

// out takes a line's verdicts, in order.
type out interface {
	upTo(id uint32)                 // all that wait go on, up to this one
	one(id uint32)                  // this one goes on
	replace(id uint32, body []byte) // this one goes on, with another content
	drop(id uint32)
	send(packet []byte) // a packet of our own
}

// waiting is a packet that was judged and is not due yet.
type waiting struct {
	id         uint32
	due        time.Duration
	body, send []byte
}

// line holds the packets of one rule in one direction until they are due, in order.
type line struct {
	judge judge // nil: everything goes on at once
	out   out
	held  []waiting // by due time; those before head are gone
	head  int
}

// arrive takes a packet.
func (l *line) arrive(now time.Duration, p packet) {
	f := fate{due: now}
	if l.judge != nil {
		f = l.judge.judge(now, p)
	}
	switch {
	case f.drop:
		l.out.drop(p.id)
	case f.overtake:
		l.single(p.id, f.body)
	default:
		l.held = append(l.held, waiting{id: p.id, due: f.due, body: f.body, send: f.send})
		return
	}
	if f.send != nil {
		l.out.send(f.send)
	}
}

func (l *line) single(id uint32, body []byte) {
	if body != nil {
		l.out.replace(id, body)
	} else {
		l.out.one(id)
	}
}

// release lets go all that are due at now. Runs of unchanged packets need one verdict.
func (l *line) release(now time.Duration) {
	run := false
	var last uint32
	for ; l.head < len(l.held) && l.held[l.head].due <= now; l.head++ {
		w := &l.held[l.head]
		if w.body != nil {
			if run {
				l.out.upTo(last)
			}
			l.out.replace(w.id, w.body)
			run = false
		} else {
			run, last = true, w.id
		}
		if w.send != nil {
			l.out.send(w.send)
		}
		*w = waiting{}
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
