package compose

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// drawnFile is what a diagram takes from a topology file.
type drawnFile struct {
	Services map[string]struct {
		Image       string
		Command     words
		Environment map[string]string
		Labels      map[string]string
		Networks    yaml.Node
	}
}

// words is a text or a list of texts.
type words []string

// UnmarshalYAML takes either.
func (w *words) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]string)(w))
	}
	*w = words{n.Value}
	return nil
}

// drawn is a service as the files together describe it.
type drawn struct {
	name, image, tier, region, shard string
	address                          string // its part of the network's addresses; "" if it has no fixed one
	says                             map[string]string
}

// group is what a diagram shows as one box: services of one tier in one place.
type group struct {
	id, tier, region, shard string
	members                 []drawn
}

// Diagram draws the topology as a flowchart for Mermaid (https://mermaid.js.org/syntax/flowchart.html): a box for each tier, in each
// region and shard; an arrow from a tier to one whose addresses its settings or command name. Jobs that end are left out.
func (t Topology) Diagram() (string, error) {
	services, err := t.drawn()
	if err != nil {
		return "", err
	}
	groups := grouped(services)
	var b strings.Builder
	b.WriteString("flowchart TB\n")
	boxes(&b, groups)
	for _, g := range groups {
		if len(t.Clients) == 0 && g.has(strings.Split(t.Entry, ":")[0]) {
			fmt.Fprintf(&b, "  users([users]) --> %s\n", g.id)
		}
	}
	for _, line := range arrows(groups) {
		b.WriteString(line)
	}
	return b.String(), nil
}

// drawn merges the topology's files as far as a diagram needs them.
func (t Topology) drawn() ([]drawn, error) {
	all := map[string]drawn{}
	for _, name := range t.Files {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var f drawnFile
		if err := yaml.Unmarshal(text, &f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for name, s := range f.Services {
			d, ok := all[name]
			if !ok {
				d.says = map[string]string{}
			}
			d.name, d.image = name, cmp.Or(strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(s.Image, "${GAUNTLET_IMAGE_"), "}")), d.image)
			d.tier, d.region, d.shard = cmp.Or(s.Labels[LabelTier], d.tier), cmp.Or(s.Labels[LabelRegion], d.region), cmp.Or(s.Labels[LabelShard], d.shard)
			d.address = cmp.Or(lastNumber(address(name, &s.Networks)), d.address)
			maps.Copy(d.says, s.Environment)
			if len(s.Command) > 0 {
				d.says["command"] = strings.Join(s.Command, " ")
			}
			all[name] = d
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b drawn) int { return compareNumbered(a.name, b.name) }), nil
}

// networkAddress is how topology files write an address of their network.
var networkAddress = regexp.MustCompile(`\$\{GAUNTLET_NET\}\.(\d+)`)

func lastNumber(address string) string {
	if m := networkAddress.FindStringSubmatch(address); m != nil {
		return m[1]
	}
	return ""
}

// grouped puts services of one tier, region and shard together, ordered by region, then tier.
func grouped(services []drawn) []*group {
	by := map[string]*group{}
	for _, d := range services {
		if d.tier == "job" {
			continue
		}
		id := strings.Trim(strings.Join([]string{d.region, d.tier, d.shard}, "_"), "_")
		if by[id] == nil {
			by[id] = &group{id: id, tier: d.tier, region: d.region, shard: d.shard}
		}
		by[id].members = append(by[id].members, d)
	}
	return slices.SortedFunc(maps.Values(by), func(a, b *group) int {
		return cmp.Or(strings.Compare(a.region, b.region), strings.Compare(a.tier, b.tier), compareNumbered(a.shard, b.shard))
	})
}

func (g *group) has(service string) bool {
	return slices.ContainsFunc(g.members, func(d drawn) bool { return d.name == service })
}

// boxes writes the groups, each region in a frame if there are several.
func boxes(b *strings.Builder, groups []*group) {
	framed := slices.ContainsFunc(groups, func(g *group) bool { return g.region != groups[0].region })
	for i, g := range groups {
		if first := i == 0 || groups[i-1].region != g.region; framed && first {
			fmt.Fprintf(b, "  subgraph region_%s [%s]\n", g.region, g.region)
		}
		fmt.Fprintf(b, "  %s[\"%s\"]\n", g.id, g.label())
		if last := i+1 == len(groups) || groups[i+1].region != g.region; framed && last {
			b.WriteString("  end\n")
		}
	}
}

// products are the names of what images hold.
var products = map[string]string{
	"app": "app", "single": "app, PostgreSQL, Redis", "haproxy": "HAProxy", "postgres": "PostgreSQL", "regiondb": "PostgreSQL behind a gate", "etcd": "etcd", "redis": "Redis",
	"varnish": "Varnish", "rabbitmq": "RabbitMQ", "gdnsd": "gdnsd",
}

// label says what the group is, of what, and the names of its services.
func (g *group) label() string {
	var names, kinds []string
	for _, d := range g.members {
		names = append(names, d.name)
		if kind := cmp.Or(products[d.image], d.image); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return fmt.Sprintf("%s<br>%s<br>%s", strings.TrimSpace(g.tier+" "+g.shard), strings.Join(kinds, ", "), strings.Join(names, ", "))
}

// arrows are the lines between groups, those in both directions as one.
func arrows(groups []*group) []string {
	at := map[string]*group{}
	for _, g := range groups {
		for _, d := range g.members {
			at[d.address] = g
		}
	}
	delete(at, "")
	to := map[*group]map[*group]bool{}
	for _, g := range groups {
		to[g] = g.names(at)
	}
	var out []string
	for i, a := range groups {
		for j, b := range groups {
			switch {
			case to[a][b] && to[b][a] && i < j:
				out = append(out, fmt.Sprintf("  %s <--> %s\n", a.id, b.id))
			case to[a][b] && !to[b][a]:
				out = append(out, fmt.Sprintf("  %s --> %s\n", a.id, b.id))
			}
		}
	}
	return out
}

// names are the other groups whose addresses the group's members mention.
func (g *group) names(at map[string]*group) map[*group]bool {
	out := map[*group]bool{}
	for _, d := range g.members {
		for _, text := range d.says {
			for _, m := range networkAddress.FindAllStringSubmatch(text, -1) {
				if other := at[m[1]]; other != nil && other != g {
					out[other] = true
				}
			}
		}
	}
	return out
}

// compareNumbered compares names as people count them: db2 is before db10.
func compareNumbered(a, b string) int {
	head := func(s string) (string, int) {
		name := strings.TrimRight(s, "0123456789")
		n, _ := strconv.Atoi(s[len(name):])
		return name, n
	}
	na, ia := head(a)
	nb, ib := head(b)
	return cmp.Or(strings.Compare(na, nb), ia-ib)
}
