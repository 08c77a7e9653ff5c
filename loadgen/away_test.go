package loadgen

import (
	"errors"
	"testing"
	"time"
)

func TestSpread(t *testing.T) {
	p := Profile{Rate: 100, Seed: 7, Shape: Shape{Stages: []Stage{{For: time.Second, From: 100, To: 300}}}, Ops: []Op{
		{Name: "add", Class: "write"}, {Name: "look", Class: "read", After: "add"},
	}}
	parts, err := p.Spread([]Away{{Region: "a", Share: 3, DNS: DNSTTL}, {Region: "b", Share: 1, Class: "held", DNS: DNSHold, Hold: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	a, b := parts[0], parts[1]
	if a.Rate != 75 || b.Rate != 25 || a.Shape.Stages[0].To != 225 || p.Shape.Stages[0].To != 300 {
		t.Errorf("rates %v and %v, stages %v of %v", a.Rate, b.Rate, a.Shape.Stages, p.Shape.Stages)
	}
	if a.Seed == b.Seed || a.Client.DNS != DNSTTL || b.Client.Hold != time.Minute {
		t.Errorf("seeds %d and %d, clients %+v and %+v", a.Seed, b.Seed, a.Client, b.Client)
	}
	if got := b.Ops[1]; got.Name != "held-look" || got.Class != "held-read" || got.After != "held-add" || p.Ops[1].Name != "look" {
		t.Errorf("operation %+v", got)
	}
	p.Data = map[string]Feed{"people": {}}
	if _, err := p.Spread([]Away{{Region: "a", Share: 1}}); !errors.Is(err, ErrAway) {
		t.Errorf("a load that reads files: %v", err)
	}
}
