package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// story is everything that happened, in order: phases, faults, what the engine said, changes of state, read-backs, notes.
func (d *drawer) story() []row {
	type entry struct {
		at time.Duration
		row
	}
	var all []entry
	add := func(at time.Duration, who, what, how string) {
		if at <= 0 && who != "phase" && who != "note" {
			return
		}
		all = append(all, entry{at, row{At: offset(at), Who: who, What: what, How: how}})
	}
	for _, p := range d.t.Phases {
		add(p.At, "phase", p.Name+" begins", "")
	}
	for _, f := range d.t.Faults {
		who := fmt.Sprintf("fault %d", f.Step+1)
		add(f.Asked, who, f.Kind+" asked", "")
		add(f.Began, who, f.Kind+" took effect (t0)", remarks("± "+duration(f.Uncertainty), some(f.Proof)))
		if len(f.On) > 1 {
			add(f.Whole, who, "the last of the targets felt it", "at the latest")
		}
		add(f.HealAsked, who, "heal asked", "")
		add(f.Healed, who, "healed", f.Err)
	}
	for _, e := range d.t.Engine {
		add(e.At, "engine", engineText(e), "")
	}
	for _, c := range d.t.Changes {
		if c.At < d.t.From {
			continue
		}
		r := changeRow(0, c, -1)
		add(c.At, r.Who, r.What, r.How)
	}
	for _, r := range d.t.Reads {
		add(r.At, "read-back", r.Node+" ("+or(r.Role, "role unknown")+")", or(r.Err, caughtUp(r.CaughtUp, r.Role)))
	}
	for _, a := range d.t.Alerts {
		add(a.At, "alert", a.Name+a.Labels+": "+a.To, "")
	}
	for _, n := range d.t.Notes {
		add(n.At, "note", n.Kind+": "+n.Text, "")
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	t0, out := time.Duration(-1), make([]row, len(all))
	for i, e := range all {
		if b := d.lastBegan(e.at); b >= 0 {
			t0 = b
		}
		e.After = since(e.at, t0)
		out[i] = e.row
	}
	return out
}

// lastBegan is when the last fault before a moment took effect; -1: none had.
func (d *drawer) lastBegan(at time.Duration) time.Duration {
	last := time.Duration(-1)
	for _, f := range d.t.Faults {
		if f.Began > 0 && f.Began <= at {
			last = max(last, f.Began)
		}
	}
	return last
}

func caughtUp(yes bool, role string) string {
	switch {
	case role == "primary":
		return ""
	case yes:
		return "had caught up"
	}
	return "had not caught up"
}
