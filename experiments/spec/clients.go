package spec

import (
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/compose"
	"gauntlet/loadgen"
)

var awayKeys = []string{"region", "share", "class", "dns"}

// clients reads where the load is sent from, if not from this process.
func (p *problems) clients(o object) []loadgen.Away {
	var out []loadgen.Away
	first := map[loadgen.Away]*yaml.Node{}
	for _, n := range p.list(o, "clients") {
		w := p.object(n, "clients", awayKeys...)
		a := loadgen.Away{Region: p.word(w, "region", "name a region of the topology, such as region: a"), Share: p.number(w, "share", 1)}
		if w.has("class") {
			a.Class = p.word(w, "class", "name the kind of client, such as class: held")
		}
		a.DNS, a.Hold = p.names(w)
		same := loadgen.Away{Region: a.Region, Class: a.Class}
		if first[same] != nil && a.Region != "" {
			p.at(n, "give one of them a class, such as class: held", "clients of region %q are there twice, first on line %d", a.Region, first[same].Line)
		}
		first[same] = n
		out = append(out, a)
	}
	if o.has("clients") && len(out) == 0 {
		p.at(o.where("clients"), "write it like clients: [{region: a}]", "the load has no clients")
	}
	return out
}

// names reads how clients treat names: dial, ttl (the default), hold or hold and a time.
func (p *problems) names(o object) (loadgen.DNS, time.Duration) {
	s, ok := p.scalar(o, "dns")
	if !ok {
		return loadgen.DNSTTL, 0
	}
	way, text, timed := strings.Cut(s, " ")
	ways := []string{"dial", string(loadgen.DNSTTL), string(loadgen.DNSHold)}
	if !slices.Contains(ways, way) || timed && way != string(loadgen.DNSHold) {
		p.at(o.where("dns"), among("there are", way, append(ways, "hold 60s")), "unknown dns %q", s)
		return loadgen.DNSTTL, 0
	}
	if !timed {
		if way == "dial" {
			return loadgen.DNSDial, 0
		}
		return loadgen.DNS(way), 0
	}
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil || d <= 0 || d > longest {
		p.at(o.where("dns"), "write it like dns: hold 60s", "dns: %q is not a time to hold names for", text)
	}
	return loadgen.DNSHold, d
}

// clientsFit says whether the topology has clients in these regions, and whether the load can be sent from there.
func (p *problems) clientsFit(o object, e *Experiment, t compose.Topology) {
	if len(e.Load.Clients) == 0 || e.Attach == nil && t.Name == "" {
		return
	}
	at := o.where("load")
	for _, c := range e.Load.Clients {
		if c.Region != "" && !slices.Contains(t.Clients, c.Region) {
			mend := "leave clients out: the load is then sent from this process"
			if len(t.Clients) > 0 {
				mend = among("there are", c.Region, t.Clients)
			}
			p.at(at, mend, "topology %q has no clients in region %q", e.Topology, c.Region)
		}
	}
	if _, err := e.Load.Spread(e.Load.Clients); err != nil {
		p.at(at, "mend it", "%v", err)
	}
}
