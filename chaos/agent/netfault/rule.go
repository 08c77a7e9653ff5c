package netfault

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gauntlet/chaos"
)

// maxDelay bounds how long a packet is held, in total.
const maxDelay = time.Minute

// normal gives a copy of the rule with addresses and names in their shortest form, or says what is wrong with it.
func normal(r chaos.NetRule) (chaos.NetRule, error) {
	r.Peers, r.Spare = prefixes(r.Peers), prefixes(r.Spare)
	if r.Direction == "" {
		r.Direction = chaos.Both
	}
	errs := []error{shares(r), times(r), effects(r)}
	if !slices.Contains([]chaos.Direction{chaos.Both, chaos.In, chaos.Out}, r.Direction) {
		errs = append(errs, fmt.Errorf("direction %q: want both, in or out", r.Direction))
	}
	for _, p := range slices.Concat(r.Peers, r.Spare) {
		if !p.IsValid() {
			errs = append(errs, errors.New("a peer is no valid prefix"))
		}
	}
	if r.DNS != nil {
		dns, err := normalDNS(*r.DNS)
		r.DNS = &dns
		errs = append(errs, err)
	}
	return r, errors.Join(errs...)
}

// prefixes turns IPv4 in the clothes of IPv6 (::ffff:10.0.0.1) into IPv4.
func prefixes(list []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range list {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		out = append(out, p.Masked())
	}
	return out
}

func shares(r chaos.NetRule) error {
	for name, x := range map[string]float64{"correlation": r.Correlation, "loss": r.Loss, "duplicate": r.Duplicate, "corrupt": r.Corrupt, "reorder": r.Reorder} {
		if !(x >= 0 && x <= 1) {
			return fmt.Errorf("%s %v: want a share in [0,1]", name, x)
		}
	}
	if !(r.BitsPerSecond >= 0 && r.BitsPerSecond <= 1e12) {
		return fmt.Errorf("bandwidth %v bit/s: want 0 to 1e12", r.BitsPerSecond)
	}
	return nil
}

func times(r chaos.NetRule) error {
	switch {
	case r.Delay < 0 || r.Delay > maxDelay:
		return fmt.Errorf("delay %s: want 0 to %s", r.Delay, maxDelay)
	case r.Jitter < 0 || r.Jitter > maxDelay:
		return fmt.Errorf("jitter %s: want 0 to %s", r.Jitter, maxDelay)
	case r.Distribution != "" && r.Distribution != "uniform" && r.Distribution != "normal":
		return fmt.Errorf("distribution %q: want uniform or normal", r.Distribution)
	case r.Reorder > 0 && r.Delay == 0:
		return errors.New("reorder needs a delay: only what waits can be overtaken")
	}
	return nil
}

func effects(r chaos.NetRule) error {
	other := verdicts(r) || shaped(r)
	switch {
	case r.DNS == nil && !other:
		return errors.New("the rule does nothing to packets")
	case r.DNS != nil && other:
		return errors.New("dns must be alone in its rule")
	}
	return nil
}

// verdicts says whether the kernel alone carries out a part of the rule.
func verdicts(r chaos.NetRule) bool { return r.Drop || r.Reset || r.Refuse }

// shaped says whether packets of the rule must pass this process.
func shaped(r chaos.NetRule) bool {
	return r.Delay > 0 || r.Jitter > 0 || r.BitsPerSecond > 0 || chancy(r)
}

// chancy says whether the rule picks single packets, and so needs them in the wire's size.
func chancy(r chaos.NetRule) bool {
	return r.Loss > 0 || r.Duplicate > 0 || r.Corrupt > 0 || r.Reorder > 0
}

func normalDNS(d chaos.DNSRule) (chaos.DNSRule, error) {
	if !slices.Contains([]string{"nxdomain", "servfail", "timeout"}, d.Answer) {
		return d, fmt.Errorf("dns answer %q: want nxdomain, servfail or timeout", d.Answer)
	}
	var names []string
	for _, n := range d.Names {
		n = strings.ToLower(strings.Trim(n, "."))
		if n == "" {
			return d, errors.New("dns: an empty name; no names at all stands for every name")
		}
		names = append(names, n)
	}
	d.Names = names
	return d, nil
}

// concerns says whether the rule is about a connection with that other end.
func concerns(r chaos.NetRule, local, remote netip.AddrPort) bool {
	here, there := local.Addr().Unmap(), remote.Addr().Unmap()
	if there.IsLoopback() || here == there {
		return false
	}
	in := func(list []netip.Prefix) bool {
		return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(there.WithZone("")) })
	}
	if in(r.Spare) || len(r.Peers) > 0 && !in(r.Peers) {
		return false
	}
	return len(r.Ports) == 0 || slices.Contains(r.Ports, local.Port()) || slices.Contains(r.Ports, remote.Port())
}

// goes says whether the rule is about packets of the direction.
func goes(r chaos.NetRule, in bool) bool {
	return r.Direction == chaos.Both || (r.Direction == chaos.In) == in
}
