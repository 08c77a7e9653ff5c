package spec

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/loadgen"
)

// Keys of a load beside those of load.go.
var (
	moreLoadKeys = []string{"shape", "catch_up", "client", "data"}
	moreOpKeys   = []string{"after", "think", "capture"}
	shapeKeys    = []string{"stages", "steps", "ramp", "spike", "sine", "poisson", "trace"}
	clientKeys   = []string{"http2", "streams", "close", "max_age", "idle", "per_user", "dns", "resolver", "insecure", "authority", "name"}
)

// longest is the longest time that a shape or client may name.
const longest = 24 * time.Hour

// more reads what a load says about its shape, client and data, and checks the whole once all parts could be read.
func (p *problems) more(o object, prof *loadgen.Profile) {
	if o.has("shape") {
		prof.Shape = p.shape(o, prof.Rate)
	}
	if s, ok := p.scalar(o, "catch_up"); ok && s == "0" {
		prof.CatchUp = 0
	} else if ok {
		prof.CatchUp = p.number(o, "catch_up", defaultCatchUp)
	}
	if o.has("client") {
		prof.Client = p.client(o)
	}
	if o.has("data") {
		prof.Data = p.data(o)
	}
	for i, op := range prof.Ops { // a step has the weight of its session's first, which stands before it
		for _, first := range prof.Ops[:i] {
			if op.After != "" && first.Name == op.After {
				prof.Ops[i].Weight = first.Weight
			}
		}
	}
	if len(p.all) > 0 || len(prof.Ops) == 0 || prof.Rate <= 0 {
		return
	}
	if err := prof.Check(); err != nil {
		p.at(o.node, "mend it", "%v", err)
	}
}

// moreOp reads what makes an operation a step of a session.
func (p *problems) moreOp(o object, op *loadgen.Op) {
	op.After = p.text(o, "after")
	op.Think = p.duration(o, "think", 0, 0, longest)
	if !o.has("capture") {
		return
	}
	op.Capture = map[string]string{}
	p.each(o, "capture", "write it like capture: {token: json token}", func(name string, n *yaml.Node) {
		op.Capture[name] = n.Value
		if err := loadgen.ParseCapture(n.Value); err != nil {
			p.at(n, "write it like json data.id, header Location, cookie sid or regexp id=(\\d+)", "%v", err)
		}
	})
}

// each calls do for the pairs of a mapping with any keys.
func (p *problems) each(o object, key, mend string, do func(name string, n *yaml.Node)) {
	n := resolve(o.values[key])
	if n.Kind != yaml.MappingNode {
		p.at(o.where(key), mend, "%s must be a mapping", key)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		do(n.Content[i].Value, resolve(n.Content[i+1]))
	}
}

// shape reads how the rate moves. What goes together and what does not is checked by the load generator.
func (p *problems) shape(o object, base float64) loadgen.Shape {
	w := p.object(o.values["shape"], "shape", shapeKeys...)
	s := loadgen.Shape{Poisson: p.boolean(w, "poisson"), TraceFile: p.path(w, "trace")}
	for _, key := range []string{"stages", "steps", "ramp", "spike"} {
		if !w.has(key) {
			continue
		}
		if len(s.Stages) > 0 {
			p.at(w.where(key), "write them out as stages", "shape has two of stages, steps, ramp and spike")
		}
		switch key {
		case "stages":
			s.Stages = p.stages(w)
		case "steps":
			s.Stages = p.shapeSteps(w)
		case "ramp":
			r := p.object(w.values["ramp"], "ramp", "from", "to", "over")
			s.Stages = loadgen.Ramp(p.rateFromZero(r, "from", base), p.rateFromZero(r, "to", base), p.duration(r, "over", time.Minute, time.Millisecond, longest)).Stages
		case "spike":
			r := p.object(w.values["spike"], "spike", "at", "for", "rate")
			s.Stages = loadgen.Spike(base, p.rateFromZero(r, "rate", base), p.duration(r, "at", 0, 0, longest), p.duration(r, "for", time.Second, time.Millisecond, longest)).Stages
		}
	}
	if w.has("sine") {
		r := p.object(w.values["sine"], "sine", "period", "swing")
		s.Sine = loadgen.Sine{Period: p.duration(r, "period", time.Minute, time.Millisecond, longest), Swing: p.rateFromZero(r, "swing", 0)}
	}
	return s
}

func (p *problems) stages(w object) []loadgen.Stage {
	var out []loadgen.Stage
	for _, n := range p.list(w, "stages") {
		r := p.object(n, "stage", "for", "from", "to")
		to := p.rateFromZero(r, "to", 0)
		out = append(out, loadgen.Stage{For: p.duration(r, "for", time.Second, time.Millisecond, longest), From: p.rateFromZero(r, "from", to), To: to})
	}
	return out
}

func (p *problems) shapeSteps(w object) []loadgen.Stage {
	r := p.object(w.values["steps"], "steps", "each", "rates")
	each := p.duration(r, "each", 10*time.Second, time.Millisecond, longest)
	var rates []float64
	for _, n := range p.list(r, "rates") {
		rates = append(rates, p.rateFromZero(object{node: n, values: map[string]*yaml.Node{"rates": n}}, "rates", 0))
	}
	return loadgen.Steps(each, rates...).Stages
}

// rateFromZero is rate where nothing is a rate too.
func (p *problems) rateFromZero(o object, key string, fallback float64) float64 {
	if s, ok := p.scalar(o, key); ok && (s == "0/s" || s == "0") {
		return 0
	}
	return p.rate(o, key, fallback)
}

// path reads the name of a file; one that is not absolute is seen from the folder of this file.
func (p *problems) path(o object, key string) string {
	s := p.text(o, key)
	if s == "" || filepath.IsAbs(s) {
		return s
	}
	return filepath.Join(filepath.Dir(p.file), s)
}

func (p *problems) client(o object) loadgen.Client {
	w := p.object(o.values["client"], "client", clientKeys...)
	c := loadgen.Client{
		HTTP2: p.boolean(w, "http2"), Close: p.boolean(w, "close"), Insecure: p.boolean(w, "insecure"),
		Streams: int(p.integer(w, "streams", 0, 1, 10_000)), PerUser: int(p.integer(w, "per_user", 0, 1, 1000)),
		MaxAge: p.duration(w, "max_age", 0, 10*time.Millisecond, longest), Idle: p.duration(w, "idle", 0, time.Millisecond, longest),
		Resolver: p.text(w, "resolver"), Authority: p.path(w, "authority"), Name: p.text(w, "name"),
	}
	if s, ok := p.scalar(w, "dns"); ok {
		ways := []string{"dial", string(loadgen.DNSTTL), string(loadgen.DNSHold)}
		if !slices.Contains(ways, s) {
			p.at(w.where("dns"), among("there are", s, ways), "unknown dns %q", s)
		}
		if s != "dial" {
			c.DNS = loadgen.DNS(s)
		}
	}
	return c
}

func (p *problems) data(o object) map[string]loadgen.Feed {
	out := map[string]loadgen.Feed{}
	p.each(o, "data", "write it like data: {people: {file: people.csv}}", func(name string, n *yaml.Node) {
		if !word.MatchString(name) {
			p.at(n, "write small letters, digits, - and _, a letter first", "data: %q is not a plain name", name)
		}
		w := p.object(n, fmt.Sprintf("data %s", name), "file", "pick")
		p.required(w, "file", "name a CSV file with a header, or a .jsonl file")
		f := loadgen.Feed{File: p.path(w, "file")}
		if s, ok := p.scalar(w, "pick"); ok {
			ways := []string{"next", string(loadgen.PickRandom), string(loadgen.PickUser)}
			if !slices.Contains(ways, s) {
				p.at(w.where("pick"), among("there are", s, ways), "unknown pick %q", s)
			}
			if s != "next" {
				f.Pick = loadgen.Pick(s)
			}
		}
		out[name] = f
	})
	return out
}
