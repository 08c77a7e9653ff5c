//go:build linux

package netfault

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/nftables/expr"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/nft"
)

// someRule is a rule of random parts.
func someRule(rng *rand.Rand) chaos.NetRule {
	if rng.IntN(8) == 0 {
		return chaos.NetRule{DNS: &chaos.DNSRule{Answer: "timeout"}}
	}
	maybe := func() bool { return rng.IntN(2) == 0 }
	r := chaos.NetRule{Drop: maybe(), Reset: maybe(), Refuse: maybe(), Direction: []chaos.Direction{chaos.Both, chaos.In, chaos.Out}[rng.IntN(3)]}
	if maybe() || !verdicts(r) {
		r.Delay = 1
	}
	if maybe() {
		r.Peers = mustPrefixes("10.0.0.1/32", "fd00::/64")
	}
	if maybe() {
		r.Spare = mustPrefixes("10.0.0.0/30")
	}
	if maybe() {
		r.Ports = []uint16{80, 443}
	}
	return r
}

// Whatever rules hold together, the table they make is one that the kernel can take: names are unique, every jump has its
// chain, and every chain is used.
func TestCompiledTableIsSound(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var rules []*applied
		for i := range rng.IntN(6) {
			rules = append(rules, &applied{id: fmt.Sprint("rule ", i), slot: i, rule: someRule(rng)})
		}
		chains := map[string]bool{}
		used := map[string]bool{}
		compiled := compile(rules, seed%2 == 0)
		for _, c := range compiled {
			if chains[c.Name] {
				t.Fatalf("seed %d: two chains %s", seed, c.Name)
			}
			chains[c.Name] = true
			used[c.Name] = used[c.Name] || c.Hook != nil
			for _, r := range c.Rules {
				if v, ok := r.Exprs[len(r.Exprs)-1].(*expr.Verdict); ok && v.Chain != "" {
					used[v.Chain] = true
				}
			}
		}
		for name := range used {
			if !chains[name] {
				t.Errorf("seed %d: chain %s is missing", seed, name)
			}
		}
		for name := range chains {
			if !used[name] {
				t.Errorf("seed %d: nothing leads to chain %s", seed, name)
			}
		}
	}
}

// Priorities put DNS before Docker's redirect (-100), and everything else behind a firewall (0) and before security (50).
func TestChainsAreInTheirPlaces(t *testing.T) {
	var rules []*applied
	for slot := range maxSlots {
		rules = append(rules, &applied{id: "delay", slot: slot, rule: chaos.NetRule{Delay: 1, Direction: chaos.Both}})
	}
	rules = append(rules, &applied{id: "dns", slot: maxSlots - 1, rule: chaos.NetRule{DNS: &chaos.DNSRule{}}})
	seen := map[nft.Hook]string{}
	for _, c := range compile(rules, true) {
		if c.Hook == nil {
			continue
		}
		if p := c.Hook.Priority; p != untrackPriority && !(p > -200 && p < -100) && !(p > 0 && p < 50) {
			t.Errorf("chain %s has priority %d", c.Name, p)
		}
		if other, ok := seen[*c.Hook]; ok {
			t.Errorf("chains %s and %s are in one place", other, c.Name)
		}
		seen[*c.Hook] = c.Name
	}
}
