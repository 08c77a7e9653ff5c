package score

import "time"

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
}

func (o *outages) add(due, end time.Duration, bad bool) {
	switch {
	case bad:
		o.bad(due)
	case o.open:
		o.good(due, end)
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

func (o *outages) good(due, end time.Duration) {
	if o.run++; o.run == 1 {
		o.firstDue, o.firstEnd = due, end
	}
	if o.run >= stableOps && due-o.now.LastBad >= stableTime {
		o.now.End, o.now.StableDue = o.firstEnd, o.firstDue
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
