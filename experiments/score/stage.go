package score

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
)

// bound is the end of a stage as a poller saw it.
type bound struct {
	name     string
	at       time.Duration
	known    bool
	evidence string
}

// stages splits a failover time. Each stage ends when its own poller first saw the new state; the ends are kept in order and
// within the failover time, so that the stages add up to it. One whose end was not seen is unknown, and its time is in the next.
func stages(h *history.History, f history.Fault, failover float64) []Stage {
	var out []Stage
	last := 0.0
	for _, b := range bounds(h, f) {
		s := Stage{Name: b.name, Known: b.known, Evidence: b.evidence}
		if b.known {
			end := min(failover, max(last, (b.at-f.Began).Seconds()))
			s.Seconds, last = end-last, end
		}
		out = append(out, s)
	}
	return append(out, Stage{Name: "reconnect", Seconds: failover - last, Known: true, Evidence: "first request of the stable run"})
}

// bounds are the ends of all stages but the last.
func bounds(h *history.History, f history.Fault) []bound {
	leased := slices.ContainsFunc(h.Changes, func(c probe.Change) bool { return c.What == probe.Lease })
	switch {
	case leased && slices.Contains(f.Roles, "postgres-primary"):
		return regionBounds(h.Changes, f)
	case isDatabase(f) && slices.Contains(f.Roles, "postgres-primary"):
		return databaseBounds(h.Changes, f)
	}
	return serverBounds(h.Changes, f)
}

// databaseBounds follow the lease, the election, the promotion and the web nodes' routes.
func databaseBounds(changes []probe.Change, f history.Fault) []bound {
	detect := first(changes, f.Began, func(c probe.Change) bool {
		return c.What == probe.Leader && slices.Contains(f.On, c.From) && c.To != "?"
	})
	decide := first(changes, f.Began, func(c probe.Change) bool { return c.What == probe.Leader && c.To != "" && c.To != "?" })
	name := ""
	if decide != nil {
		name = decide.To
	}
	promote := first(changes, f.Began, func(c probe.Change) bool {
		return c.What == probe.Role && c.Target == name && c.To == "primary"
	})
	return []bound{
		seen("detect", detect, "the lease of the lost leader is gone"), seen("decide", decide, "the leader key names "+name),
		seen("promote", promote, name+" says that it is primary"), rerouted(changes, f, name),
	}
}

// regionBounds follow the lease of the regions: until it has ended, until the other region has it, and then as in a cluster. A
// primary that is replaced within its region costs no lease; who is primary then and where writes go is seen all the same.
func regionBounds(changes []probe.Change, f history.Fault) []bound {
	detect := first(changes, f.Began, func(c probe.Change) bool { return c.What == probe.Lease && c.To == "" })
	decide := first(changes, f.Began, func(c probe.Change) bool { return c.What == probe.Lease && c.To != "" })
	region, name := "", ""
	if decide != nil {
		region = decide.To
	}
	promote := first(changes, f.Began, func(c probe.Change) bool {
		return c.What == probe.Role && c.To == "primary" && !slices.Contains(f.On, c.Target)
	})
	if promote != nil {
		name = promote.Target
	}
	return []bound{
		seen("detect", detect, "the lost region's lease has ended"), seen("decide", decide, "region "+region+" has the lease"),
		seen("promote", promote, name+" says that it is primary"), rerouted(changes, f, name),
	}
}

// serverBounds follow the load balancer's view of a server that was hit.
func serverBounds(changes []probe.Change, f history.Fault) []bound {
	detect := first(changes, f.Began, func(c probe.Change) bool {
		_, server, _ := strings.Cut(c.Target, "/")
		return c.What == probe.Server && slices.Contains(f.On, server) && c.From == "UP"
	})
	return []bound{seen("detect", detect, "the load balancer took it out")}
}

// rerouted is when the last web node sent its writes to the new primary. Where there are shards, only the routes of the one that was
// hit count: those that have led to a container that was.
func rerouted(changes []probe.Change, f history.Fault, name string) bound {
	var last *probe.Change
	nodes, there := map[string]bool{}, map[string]bool{}
	for _, c := range changes {
		// A web node that was hit itself can't follow.
		if c.What == probe.Route && !slices.Contains(f.On, c.Target) && (!strings.Contains(c.Target, "/") || slices.Contains(f.On, c.To)) {
			nodes[c.Target] = true
		}
	}
	for _, c := range changes {
		if c.What != probe.Route || !nodes[c.Target] {
			continue
		}
		if c.At > f.Began && c.To == name && name != "" && !there[c.Target] {
			there[c.Target] = true
			last = &c
		}
	}
	if len(there) < len(nodes) || last == nil {
		return bound{name: "reroute", evidence: fmt.Sprintf("%d of %d web nodes were seen to follow", len(there), len(nodes))}
	}
	return seen("reroute", last, "all web nodes send writes to "+name)
}

func seen(name string, c *probe.Change, evidence string) bound {
	if c == nil {
		return bound{name: name, evidence: "not seen"}
	}
	return bound{name: name, at: c.At, known: true, evidence: evidence}
}

// first is the first change at or after t that fits.
func first(changes []probe.Change, t time.Duration, fits func(probe.Change) bool) *probe.Change {
	for _, c := range changes {
		if c.At >= t && fits(c) {
			return &c
		}
	}
	return nil
}
