package loadgen

import (
	"fmt"
	"net/url"
	"slices"
	"time"
)

// maxRandom bounds a Poisson load: its plan is made before it begins.
const maxRandom = 1e8

// Check says what makes a profile impossible to run, whatever the target; the error wraps ErrProfile.
func (p Profile) Check() error {
	switch {
	case !(p.Rate > 0 && p.Rate <= 1e6):
		return fmt.Errorf("%w: rate %v per second, must be above 0 and at most a million", ErrProfile, p.Rate)
	case p.Timeout <= 0:
		return fmt.Errorf("%w: timeout %v must be above 0", ErrProfile, p.Timeout)
	case p.Connections <= 0:
		return fmt.Errorf("%w: %d connections, at least 1 is needed", ErrProfile, p.Connections)
	case p.CatchUp != 0 && !(p.CatchUp >= 1 && p.CatchUp <= 10):
		return fmt.Errorf("%w: catch up %v, must be 1 to 10, or 0 to send overdue requests at once", ErrProfile, p.CatchUp)
	case len(p.Ops) == 0:
		return fmt.Errorf("%w: it has no operations", ErrProfile)
	}
	if err := p.Shape.check(p.Rate); err != nil {
		return fmt.Errorf("%w: %w", ErrProfile, err)
	}
	if err := p.Client.check(p.Users); err != nil {
		return fmt.Errorf("%w: %w", ErrProfile, err)
	}
	for _, name := range sortedKeys(p.Data) {
		if err := p.Data[name].check(); err != nil {
			return fmt.Errorf("%w: feed %s: %w", ErrProfile, name, err)
		}
	}
	for i, op := range p.Ops {
		if err := p.checkOp(i, op); err != nil {
			return fmt.Errorf("%w: op %s: %w", ErrProfile, op.Name, err)
		}
	}
	return nil
}

// checkOp checks operation i; those before it are known to be right.
func (p Profile) checkOp(i int, op Op) error {
	before := func(name string) bool {
		return slices.ContainsFunc(p.Ops[:i], func(o Op) bool { return o.Name == name })
	}
	r, err := compile(op.Request)
	switch {
	case before(op.Name):
		return fmt.Errorf("two ops are named %s", op.Name)
	case op.After == "" && !(op.Weight > 0 && op.Weight < 1e12):
		return fmt.Errorf("weight %v must be above 0", op.Weight)
	case op.After != "" && !before(op.After):
		return fmt.Errorf("it comes after %q, but no op before it has that name", op.After)
	case op.Think < 0 || op.After == "" && op.Think != 0:
		return fmt.Errorf("think time %v: it is the time after another op", op.Think)
	case err != nil:
		return err
	case r.uses[partID] && !op.Ledger:
		return fmt.Errorf("uses {{id}} but is not in the ledger, set ledger: true")
	case (r.uses[partUser] || r.uses[partToken]) && p.Users <= 0:
		return fmt.Errorf("uses a user but the profile has none, set users")
	}
	for _, name := range sortedKeys(op.Capture) {
		if err := ParseCapture(op.Capture[name]); err != nil {
			return fmt.Errorf("capture %s: %w", name, err)
		}
	}
	for _, part := range r.parts() {
		if part.kind == partSession && !p.captures(i, part.text) {
			return fmt.Errorf("%w: {{session %s}} is captured by no op that comes before it in its session", ErrVariable, part.text)
		}
	}
	return r.bind(p.Data)
}

// captures says whether an op before op i in its session captures a value of that name.
func (p Profile) captures(i int, name string) bool {
	for op := p.Ops[i]; op.After != ""; {
		k := slices.IndexFunc(p.Ops, func(o Op) bool { return o.Name == op.After })
		if op = p.Ops[k]; op.Capture[name] != "" {
			return true
		}
	}
	return false
}

// check says what is wrong with where and when the load goes.
func (t Target) check() error {
	if t.Length <= 0 {
		return fmt.Errorf("%w: its length %v must be above 0", ErrProfile, t.Length)
	}
	bases := []string{t.Base}
	if len(t.Regions) > 0 {
		bases = nil
	}
	seen := map[string]bool{}
	for _, r := range t.Regions {
		if seen[r.Name] || !(r.Share > 0 && r.Share < 1e12) {
			return fmt.Errorf("%w: region %q: each needs its own name and a share above 0", ErrProfile, r.Name)
		}
		seen[r.Name] = true
		if r.Base == "" {
			r.Base = t.Base
		}
		bases = append(bases, r.Base)
	}
	for _, base := range bases {
		u, err := url.Parse(base)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return fmt.Errorf("%w: base URL %q, write it like http://127.0.0.1:18000", ErrProfile, base)
		}
	}
	return nil
}

// checkLength refuses what can't be planned in memory.
func (p Profile) checkLength(length time.Duration) error {
	if p.Shape.Poisson && p.peak()*length.Seconds() > maxRandom {
		return fmt.Errorf("%w: a Poisson load of up to %.0f requests, at most %.0f can be planned", ErrProfile, p.peak()*length.Seconds(), float64(maxRandom))
	}
	return nil
}
