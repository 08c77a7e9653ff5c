package postgres

import "time"

// keepSamples bounds the history: 64 samples of 100 ms reach back 6.4 s, beyond maxStale.
const keepSamples = 64

// history is where the primary's log stood when. It turns a replica's position into an age without comparing clocks
// of two machines, and an idle primary makes nobody stale.
type history struct {
	node     string
	timeline int64
	samples  []sample
}

type sample struct {
	at  time.Time
	lsn LSN
}

// add records that node, primary on timeline, had written up to lsn at the time at. Positions of two timelines cannot
// be compared, so a new primary starts a new history.
func (h *history) add(node string, timeline int64, s sample) {
	if h.node != node || h.timeline != timeline {
		*h = history{node: node, timeline: timeline}
	}
	if len(h.samples) == keepSamples {
		copy(h.samples, h.samples[1:])
		h.samples = h.samples[:keepSamples-1]
	}
	h.samples = append(h.samples, s)
}

// behind is the age at the time at of the oldest change beyond lsn, rounded up to the sample before it. ok is false if
// the history does not reach back far enough to tell.
func (h *history) behind(lsn LSN, at time.Time) (age time.Duration, ok bool) {
	for i := len(h.samples) - 1; i >= 0; i-- {
		if h.samples[i].lsn > lsn {
			continue
		}
		if i == len(h.samples)-1 {
			return 0, true
		}
		return max(0, at.Sub(h.samples[i].at)), true
	}
	return 0, false
}
