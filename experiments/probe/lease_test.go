package probe

import (
	"errors"
	"testing"
	"time"
)

// A region whose agent is silent has its lease until that ends.
func TestLeaseOfTheRegions(t *testing.T) {
	var got []string
	l := newLeases(&emitter{sink: Sink{Change: func(c Change) { got = append(got, c.To) }}})
	at := func(ms int64) span {
		return span{began: time.Duration(ms) * time.Millisecond, ended: time.Duration(ms+5) * time.Millisecond}
	}
	a := &leaseAsker{leases: l, health: health{out: l.holder.out}}
	b := &leaseAsker{leases: l, health: health{out: l.holder.out}}
	a.now = leaseAnswer{Region: "a", Holds: true, Left: 5000}
	a.tell(at(0), nil)
	b.now = leaseAnswer{Region: "b"}
	b.tell(at(100), nil)
	a.tell(at(2000), errors.New("silent"))
	b.tell(at(4900), nil)
	b.now = leaseAnswer{Region: "b"}
	b.tell(at(5100), nil)
	b.now = leaseAnswer{Region: "b", Holds: true, Left: 5000}
	b.tell(at(6000), nil)
	if len(got) != 3 || got[0] != "a" || got[1] != "" || got[2] != "b" {
		t.Errorf("holders %q, want a, nobody, b", got)
	}
}
