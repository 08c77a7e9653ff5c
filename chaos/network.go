package chaos

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"
)

// Link says which of a target's packets a network fault concerns.
type Link struct {
	With      *Selector // the peers, by what they are now; none: everybody, also outside of the project
	Direction Direction // both (default), in, out
	Ports     []uint16  // service ports at either end; none: all packets
}

// Check refuses unknown directions.
func (l Link) Check() error {
	if d := l.Direction; d != "" && d != Both && d != In && d != Out {
		return fmt.Errorf("%w: direction %q: write both, in or out", ErrBadStep, d)
	}
	if l.With != nil {
		return l.With.Check()
	}
	return nil
}

// plan makes a rule for each target.
func (l Link) plan(s Scene, on []Container, rule NetRule) ([]Action, error) {
	var out []Action
	for i, c := range on {
		r := rule
		r.Direction, r.Ports, r.Seed = l.Direction, l.Ports, s.Seed+uint64(i)
		if l.With != nil {
			all, err := l.peersOf(s, c)
			if err != nil {
				return nil, err
			}
			r.Peers = addresses(all)
		}
		a, err := netAction(c, r)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// peersOf are the containers that With selects, without the target itself.
func (l Link) peersOf(s Scene, c Container) ([]Container, error) {
	all := slices.DeleteFunc(slices.Clone(s.All), func(p Container) bool { return p.Name == c.Name || len(p.Networks) == 0 })
	peers, err := l.With.Resolve(all, s.rng())
	if err != nil {
		return nil, fmt.Errorf("peers of %s: %w", c.Name, err)
	}
	return peers, nil
}

// netAction refuses what would hit the host.
func netAction(c Container, r NetRule) (Action, error) {
	if c.HostNetwork {
		return Action{}, fmt.Errorf("%w %s: it shares the host's network, so the rule would hit the host", ErrRefused, c.Name)
	}
	do := Op{Verb: VerbNet, Net: &r}
	return Action{Target: Target{ID: c.ID, Name: c.Name}, Do: do, Undo: revoke(do)}, nil
}

// addresses are all addresses of the containers.
func addresses(on []Container) []netip.Prefix {
	var out []netip.Prefix
	for _, c := range on {
		for _, n := range c.Networks {
			for _, a := range []netip.Addr{n.Addr, n.Addr6} {
				if a.IsValid() {
					out = append(out, netip.PrefixFrom(a, a.BitLen()))
				}
			}
		}
	}
	return out
}

// Delay holds packets back, in their order.
type Delay struct {
	Link
	Delay        time.Duration // 100 us to 1 min, in each direction that is concerned
	Jitter       time.Duration // half-width (uniform) or standard deviation (normal), at most Delay
	Correlation  float64       // of a packet's jitter with the one before, [0,1]
	Distribution string        // uniform (default) or normal
}

// Kind is "delay".
func (*Delay) Kind() string { return "delay" }

// Check refuses delays out of range.
func (d *Delay) Check() error {
	switch {
	case d.Delay < 100*time.Microsecond || d.Delay > time.Minute:
		return fmt.Errorf("%w: delay: delay %s: write 100us to 1m", ErrBadStep, d.Delay)
	case d.Jitter < 0 || d.Jitter > d.Delay:
		return fmt.Errorf("%w: delay: jitter %s: write 0s to the delay (%s)", ErrBadStep, d.Jitter, d.Delay)
	case d.Distribution != "" && d.Distribution != "uniform" && d.Distribution != "normal":
		return fmt.Errorf("%w: delay: distribution %q: write uniform or normal", ErrBadStep, d.Distribution)
	}
	return firstOf(checkRatio("delay", "correlation", d.Correlation, true), d.Link.Check())
}

// Plan delays each target's packets.
func (d *Delay) Plan(s Scene, on []Container) ([]Action, error) {
	return d.plan(s, on, NetRule{Delay: d.Delay, Jitter: d.Jitter, Correlation: d.Correlation, Distribution: d.Distribution})
}

// Scale is a share of the delay.
func (d *Delay) Scale(share float64) Fault {
	out := *d
	out.Delay, out.Jitter = part(d.Delay, share), part(d.Jitter, share)
	return &out
}

func part(d time.Duration, share float64) time.Duration {
	return time.Duration(math.Round(float64(d) * share))
}

// Loss drops a share of the packets.
type Loss struct {
	Link
	Share float64 // of the packets, (0,1]
}

// Kind is "loss".
func (*Loss) Kind() string { return "loss" }

// Check refuses shares out of range.
func (l *Loss) Check() error {
	return firstOf(checkRatio("loss", "share", l.Share, false), l.Link.Check())
}

// Plan loses packets of each target.
func (l *Loss) Plan(s Scene, on []Container) ([]Action, error) {
	return l.plan(s, on, NetRule{Loss: l.Share})
}

// Scale is a share of the loss.
func (l *Loss) Scale(share float64) Fault { out := *l; out.Share *= share; return &out }

// Duplicate sends a share of the packets twice.
type Duplicate struct {
	Link
	Share float64 // of the packets, (0,1]
}

// Kind is "duplicate".
func (*Duplicate) Kind() string { return "duplicate" }

// Check refuses shares out of range.
func (d *Duplicate) Check() error {
	return firstOf(checkRatio("duplicate", "share", d.Share, false), d.Link.Check())
}

// Plan duplicates packets of each target.
func (d *Duplicate) Plan(s Scene, on []Container) ([]Action, error) {
	return d.plan(s, on, NetRule{Duplicate: d.Share})
}

// Scale is a share of the duplication.
func (d *Duplicate) Scale(share float64) Fault { out := *d; out.Share *= share; return &out }

// Corrupt flips a bit in a share of the packets. TCP and UDP find that by their checksum and drop the packet.
type Corrupt struct {
	Link
	Share float64 // of the packets, (0,1]
}

// Kind is "corrupt".
func (*Corrupt) Kind() string { return "corrupt" }

// Check refuses shares out of range.
func (c *Corrupt) Check() error {
	return firstOf(checkRatio("corrupt", "share", c.Share, false), c.Link.Check())
}

// Plan corrupts packets of each target.
func (c *Corrupt) Plan(s Scene, on []Container) ([]Action, error) {
	return c.plan(s, on, NetRule{Corrupt: c.Share})
}

// Scale is a share of the corruption.
func (c *Corrupt) Scale(share float64) Fault { out := *c; out.Share *= share; return &out }

// Reorder delays all packets but a share, which overtake the others.
type Reorder struct {
	Link
	Share float64       // of the packets that overtake, (0,1]
	Delay time.Duration // of the others, 1 ms to 1 min
}

// Kind is "reorder".
func (*Reorder) Kind() string { return "reorder" }

// Check refuses shares and delays out of range.
func (r *Reorder) Check() error {
	if r.Delay < time.Millisecond || r.Delay > time.Minute {
		return fmt.Errorf("%w: reorder: delay %s: write 1ms to 1m", ErrBadStep, r.Delay)
	}
	return firstOf(checkRatio("reorder", "share", r.Share, false), r.Link.Check())
}

// Plan reorders packets of each target.
func (r *Reorder) Plan(s Scene, on []Container) ([]Action, error) {
	return r.plan(s, on, NetRule{Reorder: r.Share, Delay: r.Delay})
}

// Bandwidth limits how much goes through.
type Bandwidth struct {
	Link
	Rate float64 // bits per second, in each direction that is concerned; 8,000 (1 kB/s) or more
}

// Kind is "bandwidth".
func (*Bandwidth) Kind() string { return "bandwidth" }

// Check refuses rates below 8 kbit/s.
func (b *Bandwidth) Check() error {
	if b.Rate < 8000 || math.IsInf(b.Rate, 0) || math.IsNaN(b.Rate) {
		return fmt.Errorf("%w: bandwidth: rate %g bit/s: write 8kbit or more", ErrBadStep, b.Rate)
	}
	return b.Link.Check()
}

// Plan limits each target.
func (b *Bandwidth) Plan(s Scene, on []Container) ([]Action, error) {
	return b.plan(s, on, NetRule{BitsPerSecond: b.Rate})
}

// Reset breaks TCP connections with RST, established ones and new ones, at both ends.
type Reset struct{ Link }

// Kind is "reset".
func (*Reset) Kind() string { return "reset" }

// Plan resets each target's connections.
func (r *Reset) Plan(s Scene, on []Container) ([]Action, error) {
	return r.plan(s, on, NetRule{Reset: true})
}

// Refuse answers new TCP connections with RST; established ones go on.
type Refuse struct{ Link }

// Kind is "refuse".
func (*Refuse) Kind() string { return "refuse" }

// Plan refuses each target's new connections.
func (r *Refuse) Plan(s Scene, on []Container) ([]Action, error) {
	return r.plan(s, on, NetRule{Refuse: true})
}

// DNS answers the targets' name lookups wrongly or not at all.
type DNS struct {
	Answer string   // nxdomain, servfail or timeout
	Names  []string // a name stands for its subdomains too; none: all names
}

// Kind is "dns".
func (*DNS) Kind() string { return "dns" }

// Check refuses unknown answers.
func (d *DNS) Check() error {
	if !slices.Contains([]string{"nxdomain", "servfail", "timeout"}, d.Answer) {
		return fmt.Errorf("%w: dns: answer %q: write nxdomain, servfail or timeout", ErrBadStep, d.Answer)
	}
	return nil
}

// Plan answers each target's lookups.
func (d *DNS) Plan(s Scene, on []Container) ([]Action, error) {
	return Link{}.plan(s, on, NetRule{DNS: &DNSRule{Names: d.Names, Answer: d.Answer}})
}

// checkRatio refuses what is outside of (0,1], or [0,1] if zero is fine.
func checkRatio(kind, field string, x float64, zero bool) error {
	if math.IsNaN(x) || x < 0 || x > 1 || (x == 0 && !zero) {
		return fmt.Errorf("%w: %s: %s %g: write a ratio above 0, at most 1", ErrBadStep, kind, field, x)
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
