//go:build linux

package netfault

import (
	"fmt"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/nft"
)

// Where our chains see packets: behind a firewall's filter (0), so that what the target's own rules drop is not delayed
// first. DNS is seen before Docker turns 127.0.0.11:53 into another port (-100).
const (
	verdictPriority = 9
	linePriority    = 10
	dnsPriority     = -150
	untrackPriority = -300 // before connection tracking at -200
	maxSlots        = 40
)

// firstQueue is the number of the first NFQUEUE that is ours: each slot has three.
const firstQueue = 17400

// flow is what one of a slot's queues is for.
type flow int

const (
	inAll flow = iota
	outRest
	outTCP
)

func queueNumber(slot int, f flow) uint16 { return uint16(firstQueue + 3*slot + int(f)) }

// applied is one rule that holds.
type applied struct {
	id    string
	slot  int // its place among the chains, in [0,maxSlots)
	rule  chaos.NetRule
	ports []*port
}

// tag marks the rule's own rules in the kernel.
func tag(id string) string { return "gauntlet " + id[:min(len(id), 100)] }

// compiler turns rules into chains.
type compiler struct {
	rules    []*applied
	iptables bool // use iptables' way to a queue
	chains   []nft.Chain
}

// compile gives the whole table for the rules that shall hold.
func compile(rules []*applied, iptables bool) []nft.Chain {
	c := &compiler{rules: rules, iptables: iptables}
	for _, in := range []bool{true, false} {
		verdict := c.hooked("verdict-"+way(in), in, verdictPriority, own(), true)
		for _, a := range rules {
			if !goes(a.rule, in) {
				continue
			}
			if verdicts(a.rule) {
				entry := c.selector(a, in, "verdict", c.acts(a))
				verdict.Rules = append(verdict.Rules, nft.Rule{Tag: tag(a.id), Exprs: nft.Jump(entry)})
			}
			if shaped(a.rule) {
				c.line(a, in)
			}
		}
		c.chains = append(c.chains, verdict)
	}
	untrack := false
	for _, a := range rules {
		if a.rule.DNS != nil {
			c.dns(a)
		}
		untrack = untrack || a.rule.DNS != nil || a.rule.Duplicate > 0
	}
	if untrack {
		hook := nft.Hook{Number: unix.NF_INET_LOCAL_OUT, Priority: untrackPriority}
		rule := nft.Rule{Tag: "gauntlet: sent by itself", Exprs: slices.Concat(nft.Mark(localMark, ^uint32(0)), nft.Untrack())}
		c.chains = append(c.chains, nft.Chain{Name: "untrack", Hook: &hook, Rules: []nft.Rule{rule}})
	}
	return c.chains
}

func way(in bool) string {
	if in {
		return "in"
	}
	return "out"
}

// hooked begins a chain with a hook: packets that we have sent ourselves are none of its business, unless it is behind the
// sender's; with spare, those of loopback are not either, nor those that find the link addresses of others.
func (c *compiler) hooked(name string, in bool, priority int32, passed [][]expr.Any, spare bool) nft.Chain {
	hook := nft.Hook{Number: unix.NF_INET_LOCAL_OUT, Priority: priority}
	if in {
		hook.Number = unix.NF_INET_LOCAL_IN
	}
	chain := nft.Chain{Name: name, Hook: &hook}
	for _, match := range passed {
		chain.Rules = append(chain.Rules, nft.Rule{Tag: "gauntlet: sent by itself", Exprs: slices.Concat(match, nft.Accept())})
	}
	if spare {
		chain.Rules = append(chain.Rules, nft.Rule{Tag: "gauntlet: loopback", Exprs: slices.Concat(nft.Loopback(in), nft.Accept())},
			nft.Rule{Tag: "gauntlet: link addresses", Exprs: slices.Concat(nft.Neighbours(), nft.Accept())})
	}
	return chain
}

// own matches all packets that we have sent ourselves.
func own() [][]expr.Any { return [][]expr.Any{nft.Mark(ownMark, ownMarkMask)} }

// passed matches the packets that we have sent and that have been through the slot's chain or are behind it.
func (c *compiler) passed(slot int) [][]expr.Any {
	var list [][]expr.Any
	for _, a := range c.rules {
		if a.slot >= slot {
			list = append(list, nft.Mark(slotMark(a.slot), ^uint32(0)))
		}
	}
	return list
}

// acts are what the kernel alone does.
func (c *compiler) acts(a *applied) [][]expr.Any {
	tcp := nft.Protocol(unix.IPPROTO_TCP)
	var acts [][]expr.Any
	if a.rule.Drop {
		acts = append(acts, nft.Drop())
	}
	if a.rule.Reset {
		acts = append(acts, slices.Concat(tcp, nft.NoReset(), nft.RejectTCP()))
	}
	if a.rule.Refuse {
		acts = append(acts, slices.Concat(tcp, nft.Opening(), nft.RejectTCP()))
	}
	return acts
}

func (c *compiler) line(a *applied, in bool) {
	chain := c.hooked(fmt.Sprintf("queue%d-%s", a.slot, way(in)), in, int32(linePriority+a.slot), c.passed(a.slot), true)
	acts := [][]expr.Any{nft.Queue(queueNumber(a.slot, inAll), c.iptables)}
	if !in {
		acts = [][]expr.Any{
			slices.Concat(nft.Protocol(unix.IPPROTO_TCP), nft.Queue(queueNumber(a.slot, outTCP), c.iptables)),
			nft.Queue(queueNumber(a.slot, outRest), c.iptables),
		}
	}
	entry := c.selector(a, in, "line", acts)
	chain.Rules = append(chain.Rules, nft.Rule{Tag: tag(a.id), Exprs: nft.Jump(entry)})
	c.chains = append(c.chains, chain)
}

// dns queues what goes out to port 53, on loopback too.
func (c *compiler) dns(a *applied) {
	chain := c.hooked(fmt.Sprintf("dns%d-out", a.slot), false, int32(dnsPriority+a.slot), own(), false)
	for _, proto := range []uint8{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
		match := slices.Concat(nft.Protocol(proto), nft.DestinationPort(53), nft.Queue(queueNumber(a.slot, outRest), c.iptables))
		chain.Rules = append(chain.Rules, nft.Rule{Tag: tag(a.id), Exprs: match})
	}
	c.chains = append(c.chains, chain)
}

// selector makes the chains through which only the rule's own packets reach acts, and gives the first one's name: away with
// spared ends, on with peers, on with ports.
func (c *compiler) selector(a *applied, in bool, what string, acts [][]expr.Any) string {
	name := fmt.Sprintf("%s%d-%s", what, a.slot, way(in))
	act := c.plain(name+"-act", a, acts...)
	next := act
	if len(a.rule.Ports) > 0 {
		var rules [][]expr.Any
		for _, p := range a.rule.Ports {
			rules = append(rules, slices.Concat(nft.SourcePort(p), nft.Goto(act)), slices.Concat(nft.DestinationPort(p), nft.Goto(act)))
		}
		ports := c.plain(name+"-ports", a, rules...)
		next = c.plain(name+"-protocols", a,
			slices.Concat(nft.Protocol(unix.IPPROTO_TCP), nft.Goto(ports)), slices.Concat(nft.Protocol(unix.IPPROTO_UDP), nft.Goto(ports)))
	}
	var rules [][]expr.Any
	for _, p := range a.rule.Spare {
		rules = append(rules, slices.Concat(nft.Remote(in, p), nft.Return()))
	}
	for _, p := range a.rule.Peers {
		rules = append(rules, slices.Concat(nft.Remote(in, p), nft.Goto(next)))
	}
	if len(a.rule.Peers) == 0 {
		rules = append(rules, nft.Goto(next))
	}
	return c.plain(name+"-ends", a, rules...)
}

// plain adds a chain without a hook.
func (c *compiler) plain(name string, a *applied, rules ...[]expr.Any) string {
	chain := nft.Chain{Name: name}
	for _, exprs := range rules {
		chain.Rules = append(chain.Rules, nft.Rule{Tag: tag(a.id), Exprs: exprs})
	}
	c.chains = append(c.chains, chain)
	return name
}
