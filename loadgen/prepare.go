package loadgen

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// prepare checks the profile and makes one lane per operation, and per region where there are some.
func prepare(p Profile, t Target) ([]*lane, error) {
	if err := errors.Join(p.Check(), t.check(), p.checkLength(t.Length)); err != nil {
		return nil, err
	}
	block := len(p.Ops)
	regions := t.Regions
	if len(regions) == 0 {
		regions = []Region{{Share: 1}}
	}
	wide := p
	wide.Ops = nil
	for _, r := range regions {
		for _, op := range p.weighted() {
			op.Weight *= r.Share
			wide.Ops = append(wide.Ops, op)
		}
	}
	plans := planRegions(wide, block, t.Length)
	ids := number(wide.Ops, plans)
	lanes := make([]*lane, len(wide.Ops))
	for i, op := range wide.Ops {
		region := regions[i/block]
		own := t
		own.Base = strings.TrimSuffix(cmp.Or(region.Base, t.Base), "/")
		l := &lane{op: op, index: i, region: region.Name, plan: plans[i], ids: ids[i], profile: p, target: own, attempts: map[uint64]attempt{}, turns: map[uint64]turn{}}
		l.head, _ = wide.head(i, block)
		if err := l.compile(); err != nil {
			return nil, err
		}
		lanes[i] = l
	}
	wide.chain(lanes, block)
	return lanes, nil
}

// compile makes the lane's request and captures.
func (l *lane) compile() error {
	fail := func(err error) error { return fmt.Errorf("%w: op %s: %w", ErrProfile, l.op.Name, err) }
	var err error
	if l.request, err = compile(l.op.Request); err != nil {
		return fail(err)
	}
	if err := l.request.bind(l.profile.Data); err != nil {
		return fail(err)
	}
	if l.request.uses[partToken] && l.target.Sessions.Len() < l.profile.Users {
		return fmt.Errorf("%w: op %s uses {{token}} but only %d of %d users are logged in, give the profile a login request", ErrProfile, l.op.Name, l.target.Sessions.Len(), l.profile.Users)
	}
	for _, name := range sortedKeys(l.op.Capture) {
		c, err := parseCapture(name, l.op.Capture[name])
		if err != nil {
			return fail(err)
		}
		l.captures = append(l.captures, c)
		l.reads = l.reads || c.reads()
	}
	if l.request.path.fixed() {
		if l.static, err = url.Parse(l.target.Base + l.op.Request.Path); err != nil {
			return fail(err)
		}
	}
	return nil
}

// bind finds the field of each {{data}} in the feeds.
func (r *request) bind(feeds map[string]Feed) error {
	for _, p := range r.parts() {
		if p.kind != partData {
			continue
		}
		f, ok := feeds[p.text]
		if !ok {
			return fmt.Errorf("%w: {{data %s %s}}: there is no such feed, only %v", ErrVariable, p.text, p.column, sortedKeys(feeds))
		}
		if p.feed = &f; f.unread() {
			continue
		}
		if p.field = slices.Index(f.Columns, p.column); p.field < 0 {
			return fmt.Errorf("%w: {{data %s %s}}: the feed has only %v", ErrVariable, p.text, p.column, f.Columns)
		}
	}
	return nil
}

// chain gives the lanes of each session the table of sessions that they share.
func (p Profile) chain(lanes []*lane, block int) {
	for i, l := range lanes {
		if l.op.After == "" {
			continue
		}
		head := lanes[l.head]
		if head.visits == nil {
			head.visits = newVisits()
			head.visits.steps = []uint64{head.plan.n}
			head.parent = -1
		}
		l.visits = head.visits
		l.step = len(l.visits.steps)
		l.visits.steps = append(l.visits.steps, l.plan.n)
		from := i - i%block
		before := slices.IndexFunc(p.Ops[from:from+block], func(o Op) bool { return o.Name == l.op.After })
		l.parent = lanes[from+before].step
	}
}

// gate is the gate of a lane's pool, nil where overdue requests are sent at once.
func (ps *pools) gate(l *lane, lanes []*lane) *gate {
	if ps.profile.CatchUp == 0 {
		return nil
	}
	key := poolKey{class: l.op.Class, region: l.region}
	g := ps.gates[key]
	if g == nil {
		var own []*lane
		for _, o := range lanes {
			if o.op.Class == l.op.Class && o.region == l.region {
				own = append(own, o)
			}
		}
		g = newGate(ps.profile.Client.atOnce(ps.profile.Connections), ps.profile.CatchUp, dueIn(own))
		g.end = l.target.begin().Add(l.target.Length)
		ps.gates[key] = g
	}
	return g
}
