package score

import (
	"slices"
	"time"
)

// A stable run ends an outage: so many good ops in a row, over at least so long. One lucky request during a flap must not.
const (
	stableOps  = 20
	stableTime = 2 * time.Second
)

// outages finds the outage windows of one class. Ops are added in the order of their due times.
type outages struct {
	resolution time.Duration
	done       []Outage
	now        Outage
	open       bool
	run        int           // good ops since the last bad one
	firstDue   time.Duration // of that run
	firstEnd   time.Duration
	servers    []string      // those that served the first stableOps of that run
	allDue     time.Duration // when the op was due by which the last of them joined
}

// add takes the next op. server names who answered it, "" if nobody said.
func (o *outages) add(due, end time.Duration, bad bool, server string) {
	switch {
	case bad:
		o.bad(due)
	case o.open:
		o.good(due, end, server)
	}
}

func (o *outages) bad(due time.Duration) {
	if !o.open {
		o.open, o.now = true, Outage{Start: due, Resolution: o.resolution}
	} else if o.run > 0 {
		o.now.Flaps++
	}
	o.run = 0
	o.now.Bad++
	o.now.LastBad = due
}

func (o *outages) good(due, end time.Duration, server string) {
	if o.run++; o.run == 1 {
		o.firstDue, o.firstEnd, o.servers = due, end, nil
	}
	if o.run <= stableOps && !slices.Contains(o.servers, server) {
		o.servers, o.allDue = append(o.servers, server), due
	}
	if o.run >= stableOps && due-o.now.LastBad >= stableTime {
		o.now.End, o.now.StableDue, o.now.AllDue = o.firstEnd, o.firstDue, o.allDue
		o.done = append(o.done, o.now)
		o.open, o.run = false, 0
	}
}

// windows returns all windows; the last is open if the recording ended before it did.
func (o *outages) windows() []Outage {
	if !o.open {
		return o.done
	}
	last := o.now
	last.Open = true
	return append(o.done[:len(o.done):len(o.done)], last)
}
