package loadgen

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Away is a part of a load that is sent from elsewhere: by clients in a container inside a region's network; see package outpost.
type Away struct {
	Region string        // where the clients are; in Sample.Region
	Share  float64       // of the load, > 0; shares are relative to the sum of all
	Class  string        // "": the classes of the load; else they are <Class>-<class>, and operations <Class>-<name>: clients of another kind
	DNS    DNS           // when these clients ask for a name
	Hold   time.Duration // with DNSHold: for how long an answer is kept; 0: for the whole load
}

// ErrAway is wrapped by what can't be sent from elsewhere.
var ErrAway = errors.New("a load that can't be sent from containers")

// Spread divides a profile among clients elsewhere: the same operations at their share of the rate, with their way to treat names.
func (p Profile) Spread(clients []Away) ([]Profile, error) {
	if len(p.Data) > 0 || p.Shape.TraceFile != "" || len(p.Shape.Trace) > 0 {
		return nil, fmt.Errorf("%w: it reads files, which are not in the containers: leave data and trace out", ErrAway)
	}
	var sum float64
	for _, c := range clients {
		sum += c.Share
	}
	var out []Profile
	for i, c := range clients {
		part := p.scaled(c.Share / sum)
		part.Seed = p.Seed + uint64(i)
		part.Client.DNS, part.Client.Hold = c.DNS, c.Hold
		part.Ops = slices.Clone(p.Ops)
		for k, op := range part.Ops {
			if c.Class == "" {
				continue
			}
			part.Ops[k].Name, part.Ops[k].Class = c.Class+"-"+op.Name, c.Class+"-"+op.Class
			if op.After != "" {
				part.Ops[k].After = c.Class + "-" + op.After
			}
		}
		out = append(out, part)
	}
	return out, nil
}

// scaled is the same load at a share of its rate.
func (p Profile) scaled(share float64) Profile {
	p.Rate *= share
	p.Shape.Sine.Swing *= share
	p.Shape.Stages = slices.Clone(p.Shape.Stages)
	for i := range p.Shape.Stages {
		p.Shape.Stages[i].From *= share
		p.Shape.Stages[i].To *= share
	}
	return p
}

// ledgerID is the id of the request of a lane in the ledger: its rank in this part of the load, spread over the ids of all parts.
func (l *lane) ledgerID(seq uint64) uint64 {
	return max(1, l.target.FirstID) + (l.ids.id(seq)-1)*max(1, l.target.IDStep)
}

// away says in words where the load comes from.
func (p Profile) away() string {
	if len(p.Clients) == 0 {
		return ""
	}
	var out []string
	for _, c := range p.Clients {
		words := "region " + c.Region
		if c.Class != "" {
			words += " (" + c.Class + ")"
		}
		switch {
		case c.DNS == DNSTTL:
			words += " keeping names for their TTL"
		case c.DNS == DNSHold && c.Hold > 0:
			words += fmt.Sprintf(" keeping names for %v", c.Hold)
		case c.DNS == DNSHold:
			words += " keeping the first answer of a name"
		}
		out = append(out, words)
	}
	return ", sent by clients in " + strings.Join(out, ", ")
}
