package region

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

var errCut = errors.New("cut off")

// near is a voter as a region reaches it, when it does.
type near struct {
	*Voter
	cut  *bool
	late *[]func() // what was said while it was cut off and may arrive later; nil: it is lost
}

// lost is said while the line is cut.
func (n near) lost(said func()) error {
	if n.late != nil {
		*n.late = append(*n.late, said)
	}
	return errCut
}

func (n near) Ask(_ context.Context, region string, try int64, ttl time.Duration) (Vote, error) {
	if *n.cut {
		return Vote{}, n.lost(func() { n.Voter.Ask(region, try, ttl) })
	}
	return n.Voter.Ask(region, try, ttl), nil
}

func (n near) Release(_ context.Context, region string, try int64) error {
	if *n.cut {
		return n.lost(func() { n.Voter.Release(region, try) })
	}
	n.Voter.Release(region, try)
	return nil
}

func (n near) State(context.Context) (Vote, error) {
	if *n.cut {
		return Vote{}, errCut
	}
	return n.Voter.State(), nil
}

const ttl = 5 * time.Second

// world is three voters and two regions with a line from each region to each voter.
type world struct {
	voters [3]*Voter
	cut    [2][3]bool // region, voter
	lease  [2]*Lease
	late   []func()
}

func newWorld() *world {
	w := &world{}
	for i := range w.voters {
		w.voters[i] = NewVoter(ttl)
	}
	for r, name := range []string{"a", "b"} {
		var all []Ballot
		for v := range w.voters {
			all = append(all, near{w.voters[v], &w.cut[r][v], &w.late})
		}
		w.lease[r] = NewLease(name, ttl, all)
	}
	return w
}

func TestAVoterThatJustStartedGrantsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := NewVoter(ttl)
		time.Sleep(ttl - time.Millisecond)
		if got := v.Ask("a", 1, ttl); got.Granted {
			t.Fatalf("granted %+v although it may have granted the lease before", got)
		}
		time.Sleep(2 * time.Millisecond)
		if got := v.Ask("a", 1, ttl); !got.Granted || got.Holder != "a" {
			t.Fatalf("got %+v, want the grant", got)
		}
		if got := v.Ask("b", 1, ttl); got.Granted || got.Holder != "a" {
			t.Fatalf("got %+v, want a refusal that names a", got)
		}
		v.Release("b", 1)
		if got := v.State(); got.Holder != "a" {
			t.Errorf("b has taken back the grant of a: %+v", got)
		}
	})
}

// A message that comes late must not take back what a later try was granted.
func TestWhatComesLateIsNotHeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := NewVoter(0)
		v.Ask("a", 1, ttl)
		v.Ask("a", 2, ttl)
		v.Release("a", 1)
		if got := v.Ask("b", 9, ttl); got.Granted {
			t.Error("the release of an earlier try has freed the lease")
		}
		if got := v.Ask("a", 1, ttl); got.Granted {
			t.Error("an earlier try was granted after a later one")
		}
		v.Release("a", 2)
		if got := v.Ask("b", 9, ttl); !got.Granted {
			t.Errorf("the release of the last try has not freed the lease: %+v", got)
		}
		time.Sleep(ttl)
		if got := v.Ask("a", 1, ttl); !got.Granted {
			t.Errorf("a region whose clock has gone back is shut out for ever: %+v", got)
		}
	})
}

func TestARegionThatIsCutOffLosesTheLeaseBeforeTheOtherGetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		time.Sleep(ttl)
		if !w.lease[0].Renew(t.Context()) {
			t.Fatal("a does not get a free lease")
		}
		if w.lease[1].Renew(t.Context()) {
			t.Fatal("b gets what a has")
		}
		w.cut[0][1], w.cut[0][2] = true, true // a sees its own voter only
		lost, got := time.Duration(-1), time.Duration(-1)
		for began := time.Now(); time.Since(began) < 3*ttl; time.Sleep(time.Second / 10) {
			if a := w.lease[0].Renew(t.Context()); !a && lost < 0 {
				lost = time.Since(began)
			}
			if b := w.lease[1].Renew(t.Context()); b && got < 0 {
				got = time.Since(began)
			}
		}
		if lost < 0 || got < lost || got > ttl+time.Second {
			t.Errorf("a lost the lease after %v, b got it after %v", lost, got)
		}
	})
}

func TestTheArbiterMayBeAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		time.Sleep(ttl)
		w.lease[0].Renew(t.Context())
		w.cut[0][2], w.cut[1][2] = true, true
		for range 100 {
			time.Sleep(time.Second)
			if !w.lease[0].Renew(t.Context()) {
				t.Fatal("two regions that see each other are a majority")
			}
		}
		if other, heard := w.lease[1].Look(t.Context()); other != "a" || !heard {
			t.Errorf("b sees %q (heard %v), want a", other, heard)
		}
	})
}

// Whatever is cut, restarted, released or comes late, never do two regions hold the lease.
func TestNeverTwoHolders(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { neverTwo(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func neverTwo(t *testing.T, dice *rand.Rand) {
	w := newWorld()
	held := [2]int{}
	for range 300 {
		switch r, v := dice.IntN(2), dice.IntN(3); dice.IntN(7) {
		case 0:
			w.cut[r][v] = !w.cut[r][v]
		case 1:
			if dice.IntN(10) == 0 {
				*w.voters[v] = *NewVoter(ttl)
			}
		case 2:
			if n := len(w.late); n > 0 {
				i := dice.IntN(n)
				w.late[i]()
				w.late = append(w.late[:i], w.late[i+1:]...)
			}
		default:
			w.lease[r].Renew(t.Context())
		}
		a, b := w.lease[0].Left() > 0, w.lease[1].Left() > 0
		if a && b {
			t.Fatal("both regions hold the lease")
		}
		if a {
			held[0]++
		}
		if b {
			held[1]++
		}
		time.Sleep(time.Duration(dice.IntN(1500)) * time.Millisecond)
	}
	t.Logf("held: a %d, b %d of 300", held[0], held[1])
}
