package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
)

// lanes is a panel of states over time: who led, which role each node had, where writes went.
type lanes struct {
	ID     string
	Height float64
	XTicks []tick
	Bands  []band
	Rows   []lane
	Legend []legend
}

// lane is one state of one target.
type lane struct {
	Label    string
	Y, H     float64
	Segments []segment
	Dots     []dot
}

// segment is a stretch in which a state held.
type segment struct {
	band
	Text string // direct label, "" where there is no room
}

// dot is a moment.
type dot struct {
	X, Y       float64
	Css, Label string
	Title      string
}

// change shortens signatures.
type change = probe.Change

const (
	laneHeight = 14.0
	laneGap    = 4.0
	maxLanes   = 32
)

// laneOrder is the order of the states; those after routes are only shown when they changed under load.
var laneOrder = []string{probe.Leader, probe.Role, probe.Route, probe.Lease, probe.Answer, probe.SyncName, probe.Server, probe.Health}

// lanes draws who was what, when.
func (d *drawer) lanes() lanes {
	out := lanes{ID: "lanes", XTicks: d.x.ticks()}
	y := 4.0
	if row, ok := d.engineLane(y); ok {
		out.Rows = append(out.Rows, row)
		y += laneHeight + laneGap
	}
	for _, g := range d.laneGroups() {
		if len(out.Rows) >= maxLanes {
			break
		}
		out.Rows = append(out.Rows, d.lane(g, y))
		y += laneHeight + laneGap
	}
	out.Height = y + 2
	for _, f := range d.t.Faults {
		if b, ok := d.faultBand(f.Began, f.Healed); ok {
			b.Y, b.H, b.Title = 0, out.Height, fmt.Sprintf("fault %d: %s", f.Step+1, f.Kind)
			out.Bands = append(out.Bands, b)
		}
	}
	out.Legend = d.laneLegend(out)
	return out
}

// laneGroup is all changes of one state of one target.
type laneGroup struct {
	what, target string
	changes      []change
}

// laneGroups are the lanes worth a row, in order.
func (d *drawer) laneGroups() []laneGroup {
	groups := map[seriesKey]*laneGroup{}
	for _, c := range d.t.Changes {
		k := seriesKey{c.What, c.Target}
		if groups[k] == nil {
			groups[k] = &laneGroup{what: c.What, target: c.Target}
		}
		groups[k].changes = append(groups[k].changes, c)
	}
	all := sorted(groups, func(a, b laneGroup) int {
		return cmp.Or(cmp.Compare(slices.Index(laneOrder, a.what), slices.Index(laneOrder, b.what)), cmp.Compare(a.what, b.what), cmp.Compare(a.target, b.target))
	})
	return slices.DeleteFunc(all, func(g laneGroup) bool { return !d.worth(g) })
}

// worth says whether a lane is shown: leader, roles, routes, leases and name servers always, others if they changed under load.
func (d *drawer) worth(g laneGroup) bool {
	if slices.Contains(laneOrder[:5], g.what) {
		return true
	}
	for _, c := range g.changes {
		if c.At > d.t.From && c.At < d.t.To && c.From != probe.Unknown {
			return true
		}
	}
	return false
}

// lane draws one group.
func (d *drawer) lane(g laneGroup, y float64) lane {
	out := lane{Label: laneLabel(g), Y: y, H: laneHeight}
	for i, c := range g.changes {
		if i == 0 && c.At > d.t.From {
			d.hold(&out, g, c.From, d.t.From, c.At)
		}
		end := d.t.To
		if i+1 < len(g.changes) {
			end = g.changes[i+1].At
		}
		d.hold(&out, g, c.To, c.At, end)
	}
	return out
}

// hold adds a stretch in which a state held, as far as it is drawn.
func (d *drawer) hold(l *lane, g laneGroup, state string, from, to time.Duration) {
	if to <= d.t.From || from >= d.t.To {
		return
	}
	x := d.x.at(from)
	s := segment{band: band{X: x, Y: l.Y, W: max(d.x.at(to)-x, 0.8), H: l.H, Css: d.stateColour(g, state)}}
	s.Title = fmt.Sprintf("%s: %s from %s to %s", l.Label, stateName(state), offset(max(from, d.t.From)), offset(min(to, d.t.To)))
	if s.W > 7*float64(len(stateName(state)))+6 {
		s.Text = stateName(state)
	}
	l.Segments = append(l.Segments, s)
}

// stateName says a state in words.
func stateName(s string) string {
	switch s {
	case "":
		return "none"
	case probe.Unknown:
		return "no answer"
	}
	return s
}

func laneLabel(g laneGroup) string {
	switch g.what {
	case probe.Leader:
		return "leader key"
	case probe.Role:
		return g.target + " is"
	case probe.Route:
		return g.target + " writes to"
	case probe.Lease:
		return "region with lease"
	case probe.Answer:
		return "DNS: clients in " + g.target
	case probe.SyncName:
		return "sync standby"
	case probe.Server:
		return "LB: " + g.target
	case probe.Health:
		return g.target + " container"
	}
	return g.target + " " + g.what
}

// stateColour gives a database node the same colour wherever it is named.
func (d *drawer) stateColour(g laneGroup, state string) string {
	switch {
	case state == probe.Unknown:
		return "noanswer"
	case state == "":
		return "none"
	case g.what == probe.Role && state == "primary":
		return d.nodeColour(g.target)
	case g.what == probe.Role:
		return d.nodeColour(g.target) + " pale"
	case g.what == probe.Server || g.what == probe.Health:
		if state == "UP" || state == "running" {
			return "up"
		}
		return "down"
	}
	return d.nodeColour(state)
}

// nodeColour is the colour of a database node, by its place in the recording's header.
func (d *drawer) nodeColour(name string) string {
	if i := slices.Index(d.t.Header.Replicas, name); i >= 0 {
		return fmt.Sprintf("n%d", i%6)
	}
	return "nx"
}

// gaugeColour is that of the node, or of its own.
func (d *drawer) gaugeColour(g Gauge, n int) string {
	if g.Metric == probe.HeartbeatAge {
		return "beat"
	}
	if css := d.nodeColour(g.Target); css != "nx" {
		return css
	}
	return fmt.Sprintf("n%d", n%6)
}

// engineLane holds what the container engine said, as dots.
func (d *drawer) engineLane(y float64) (lane, bool) {
	out := lane{Label: "engine says", Y: y, H: laneHeight}
	for _, e := range d.t.Engine {
		if e.At < d.t.From || e.At > d.t.To {
			continue
		}
		out.Dots = append(out.Dots, dot{X: d.x.at(e.At), Y: y + laneHeight/2, Css: "engine", Title: offset(e.At) + ": " + engineText(e)})
	}
	labelDots(out.Dots, d.t.Engine, d)
	return out, len(out.Dots) > 0
}

// labelDots writes an event's name beside its dot where there is room before the next.
func labelDots(dots []dot, events []history.EngineEvent, d *drawer) {
	n := 0
	for _, e := range events {
		if e.At < d.t.From || e.At > d.t.To {
			continue
		}
		label := e.Container + " " + e.Action
		if n+1 >= len(dots) || dots[n+1].X-dots[n].X > 6.2*float64(len(label))+14 {
			dots[n].Label = label
		}
		n++
	}
}

func engineText(e history.EngineEvent) string {
	if e.Action == "die" {
		return fmt.Sprintf("%s %s, exit code %d", e.Container, e.Action, e.ExitCode)
	}
	return e.Container + " " + e.Action
}

// laneLegend explains the colours that occur.
func (d *drawer) laneLegend(l lanes) []legend {
	var out []legend
	for i, name := range d.t.Header.Replicas {
		out = append(out, legend{Css: fmt.Sprintf("n%d", i%6), Label: name})
	}
	for _, g := range []legend{{"none", "none"}, {"noanswer", "no answer"}, {"down", "down"}} {
		if l.uses(g.Css) {
			out = append(out, g)
		}
	}
	return out
}

func (l lanes) uses(css string) bool {
	for _, r := range l.Rows {
		for _, s := range r.Segments {
			if s.Css == css {
				return true
			}
		}
	}
	return false
}
