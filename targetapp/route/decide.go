package route

import (
	"time"
)

// MaxStale is how far behind the primary a replica may be and still be read from.
const MaxStale = 2 * time.Second

// fenceFor is how long a primary of an older timeline stays refused after the last sign of a newer one. For ever would be
// safer, but an operator who restores an old timeline on purpose should not have to restart the web tier.
const fenceFor = 10 * time.Second

// Doubt is what the work on a node has run into since the monitor's last good answer.
type Doubt uint8

// A slow primary still gets writes, as there is no other; a slow replica gets no reads. A broken node gets neither.
const (
	None   Doubt = iota
	Slow         // a statement timed out
	Broken       // refused, cut off, shutting down, read-only
)

// View is what a node last said of itself.
type View struct {
	Name     string
	Up       bool
	Primary  bool   // not in recovery; there can be two for a while
	Timeline uint32 // of a primary's write-ahead log: one more with each promotion
	LSN      LSN    // flushed by a primary, replayed by a replica
	Schema   bool   // the app's tables are there
	Doubt    Doubt
	Asked    time.Time // when the question was sent; LSN holds everything that was committed before
	Err      string    // why it is not up
}

// Choice is where work goes. Replicas and Stale are in the order of the configuration.
type Choice struct {
	Primary  string   `json:"primary"`  // "" if none is known
	Replicas []string `json:"replicas"` // may be read from
	Stale    []string `json:"stale"`    // up, but too far behind, in doubt, or a former primary
}

// Memory is what Decide must know of the past. The zero value knows nothing.
type Memory struct {
	Primary  string    // the last primary
	Timeline uint32    // of that primary
	Seen     time.Time // when it last answered
	Marks    []Mark    // its positions, oldest first
}

// Mark says that everything committed before At lies at or before LSN.
type Mark struct {
	At  time.Time
	LSN LSN
}

// Decide chooses the route from the nodes' views and returns what to remember.
func Decide(views []View, m Memory, now time.Time) (Choice, Memory) {
	c := Choice{Replicas: []string{}, Stale: []string{}}
	if p := pickPrimary(views, m, now); p != nil {
		c.Primary = p.Name
		m = m.saw(*p)
	}
	for _, v := range views {
		switch {
		case !v.Up || v.Name == c.Primary:
		case v.Primary || v.Doubt != None || m.Staleness(v.LSN) > MaxStale:
			c.Stale = append(c.Stale, v.Name)
		default:
			c.Replicas = append(c.Replicas, v.Name)
		}
	}
	return c, m
}

// pickPrimary returns the node that claims to be primary with the newest timeline, nil if none does.
func pickPrimary(views []View, m Memory, now time.Time) *View {
	var best *View
	for i, v := range views {
		ghost := v.Timeline < m.Timeline && now.Sub(m.Seen) < fenceFor
		if v.Up && v.Primary && v.Doubt != Broken && !ghost && (best == nil || ahead(v, *best, m.Primary)) {
			best = &views[i]
		}
	}
	return best
}

// ahead says whether claimant a is the better primary than b. On one timeline, which no correct cluster shows, the present
// one stays, so that writes don't swing between two.
func ahead(a, b View, present string) bool {
	switch {
	case a.Timeline != b.Timeline:
		return a.Timeline > b.Timeline
	case a.Name == present || b.Name == present:
		return a.Name == present
	default:
		return a.LSN > b.LSN
	}
}

// saw remembers the primary's position. Positions of another primary or timeline can't be compared and are forgotten.
func (m Memory) saw(p View) Memory {
	if p.Name != m.Primary || p.Timeline != m.Timeline {
		m.Marks = nil
	}
	m.Primary, m.Timeline, m.Seen = p.Name, p.Timeline, p.Asked
	if n := len(m.Marks); n > 0 && !p.Asked.After(m.Marks[n-1].At) {
		return m
	}
	old := 0
	for old < len(m.Marks) && p.Asked.Sub(m.Marks[old].At) > MaxStale+time.Second {
		old++
	}
	m.Marks = append(append([]Mark(nil), m.Marks[old:]...), Mark{p.Asked, p.LSN})
	return m
}

// Staleness bounds how long ago, before the primary's last answer, a replica that has replayed up to lsn showed the
// primary's state. It is 0 while nothing is known of the primary: without it there is nothing newer to miss.
//
// Note: the age of pg_last_xact_replay_timestamp() grows on an idle primary, and stays 0 by the usual correction (received =
// replayed) on a replica that is cut off from its primary. Positions that we saw ourselves are wrong in neither case.
func (m Memory) Staleness(lsn LSN) time.Duration {
	n := len(m.Marks)
	if n == 0 {
		return 0
	}
	for i := n - 1; i >= 0; i-- {
		if m.Marks[i].LSN <= lsn {
			return m.Marks[n-1].At.Sub(m.Marks[i].At)
		}
	}
	return m.Marks[n-1].At.Sub(m.Marks[0].At)
}
