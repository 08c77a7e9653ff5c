package postgres

import (
	"slices"
	"time"
)

// maxStale is how old the data of a replica may be that serves reads.
const maxStale = 2 * time.Second

// View is what one node last said about itself, and what we have seen of it since.
type View struct {
	Name      string
	Far       bool // in another region
	Up        bool // answered its last check in time, and no request failed on it since
	Recovery  bool // it is a replica
	Timeline  int64
	LSN       LSN           // replica: replayed up to here; primary: written up to here
	Behind    time.Duration // replica: age of the oldest change that it does not show, >= 0
	BehindSet bool          // false: Behind is unknown
}

// Route says where requests go now.
type Route struct {
	Primary  string   // "" if none is known
	Replicas []string // fresh enough to serve reads
	Stale    []string // up, but too old or of unknown age
	Down     []string // no answer, or not to be trusted
	Timeline int64    // of Primary; else the newest ever seen
}

// choose decides from the views. newest is the newest timeline that any primary ever had: a node that claims to be
// primary on an older one was deposed, whether or not its successor is in sight just now, because a promotion always
// opens a new timeline. Two claims on the same timeline cannot both be true, so neither is believed.
func choose(views []View, newest int64) Route {
	rt := Route{Timeline: newest, Replicas: []string{}, Stale: []string{}, Down: []string{}}
	for _, v := range views {
		if v.Up && !v.Recovery {
			rt.Timeline = max(rt.Timeline, v.Timeline)
		}
	}
	var claims []string
	for _, v := range views {
		switch {
		case !v.Up:
			rt.Down = append(rt.Down, v.Name)
		case !v.Recovery && v.Timeline == rt.Timeline:
			claims = append(claims, v.Name)
		case !v.Recovery:
			rt.Down = append(rt.Down, v.Name)
		case v.BehindSet && v.Behind <= maxStale:
			rt.Replicas = append(rt.Replicas, v.Name)
		default:
			rt.Stale = append(rt.Stale, v.Name)
		}
	}
	if len(claims) == 1 {
		rt.Primary = claims[0]
	} else {
		rt.Down = append(rt.Down, claims...)
	}
	return rt
}

// reader picks the node for the turn-th read by a session that has seen the log up to seen: the fresh replicas that
// have replayed it, in turn, near ones before far ones, else the primary. It avoids the node named not, on which the read failed
// before, unless no other can serve it. "" means that nobody can.
func (rt Route) reader(views []View, seen LSN, turn uint64, not string) string {
	var fit, near []string
	for _, v := range views {
		if v.LSN < seen || !slices.Contains(rt.Replicas, v.Name) {
			continue
		}
		fit = append(fit, v.Name)
		if !v.Far && v.Name != not {
			near = append(near, v.Name)
		}
	}
	others := slices.DeleteFunc(slices.Clone(fit), func(name string) bool { return name == not })
	switch {
	case len(near) > 0:
		return near[turn%uint64(len(near))]
	case len(others) > 0:
		return others[turn%uint64(len(others))]
	case rt.Primary != "" && rt.Primary != not, len(fit) == 0:
		return rt.Primary
	}
	return fit[0]
}
