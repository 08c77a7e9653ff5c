package spec

import (
	"strings"
	"time"

	"gauntlet/experiments/register"
)

// Defaults of the register clients: about 1,000 calls in 90 s, which porcupine checks in a moment.
const (
	registerProcesses = 5
	registerKeys      = 4
	registerRate      = 10
)

var registerFields = []string{"processes", "keys", "rate", "set", "body", "current", "session", "field", "carry"}

// registers reads how a system's registers are asked; what is left out is as in the reference app.
func (p *problems) registers(o object, timeout time.Duration, seed uint64) *register.Config {
	if !o.has("registers") {
		return nil
	}
	w := p.object(o.values["registers"], "registers", registerFields...)
	c := &register.Config{API: register.Reference, Timeout: timeout, Seed: seed}
	c.Processes = int(p.integer(w, "processes", registerProcesses, 1, register.MaxProcesses))
	c.Keys = int(p.integer(w, "keys", registerKeys, 1, register.MaxKeys))
	c.Rate = registerRate
	if w.has("rate") {
		c.Rate = p.rate(w, "rate", registerRate)
		if c.Rate > register.MaxRate {
			p.at(w.where("rate"), "write up to 200/s", "registers can't be asked that often")
		}
	}
	own := w.has("set") || w.has("current")
	if own {
		c.API = register.API{Field: "value"}
	}
	for key, into := range map[string]*string{"set": &c.API.Set, "body": &c.API.Body, "current": &c.API.Current, "session": &c.API.Session, "field": &c.API.Field, "carry": &c.API.Carry} {
		if w.has(key) {
			*into = p.text(w, key)
		}
	}
	if own {
		p.registerLine(w, "set", c.API.Set, "PUT /counters/{key}")
		p.registerLine(w, "current", c.API.Current, "GET /counters/{key}")
		if w.has("session") {
			p.registerLine(w, "session", c.API.Session, "GET /counters/{key}")
		}
		if !strings.Contains(c.API.Set+c.API.Body, "{value}") {
			p.at(w.where("body"), `write {value} where the number belongs, such as body: '{"value": {value}}'`, "neither set nor body says which value is written")
		}
	}
	return c
}

// registerLine wants a method, a path and {key}.
func (p *problems) registerLine(w object, key, line, example string) {
	method, path, _ := strings.Cut(line, " ")
	if method == "" || method != strings.ToUpper(method) || !strings.HasPrefix(path, "/") || !strings.Contains(path, "{key}") {
		p.at(w.where(key), "write it like "+key+": "+example, "%s of registers is no request with {key}", key)
	}
}
