package region

import (
	"sync"
	"time"
)

// MaxLease is the longest lease that can be asked for. A voter that has just started grants nothing for so long, because it does
// not know what it granted before.
const MaxLease = 10 * time.Second

// Vote is what a voter answers.
type Vote struct {
	Granted bool   `json:"granted"`
	Holder  string `json:"holder"`  // the region that the voter's grant is with now, "" if none
	LeftMS  int64  `json:"left_ms"` // for how long that grant lasts
	Why     string `json:"why"`     // of a refusal
}

// Voter grants the lease to one region at a time. Make one with NewVoter.
type Voter struct {
	now func() time.Time

	mu     sync.Mutex
	silent time.Time // nothing is granted before
	holder string
	until  time.Time
}

// NewVoter returns a voter that remembers nothing, and hence abstains for quiet, which is at least the longest lease that anybody
// asks for.
func NewVoter(quiet time.Duration) *Voter {
	return &Voter{now: time.Now, silent: time.Now().Add(quiet)}
}

// Ask asks for the lease for a region, or for more of it; ttl counts from now.
func (v *Voter) Ask(region string, ttl time.Duration) Vote {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	switch {
	case now.Before(v.silent):
		return Vote{Why: "it has just started and may have granted the lease before"}
	case v.holder != region && now.Before(v.until):
		return v.state(now, "another region holds it")
	}
	v.holder, v.until = region, now.Add(ttl)
	out := v.state(now, "")
	out.Granted = true
	return out
}

// Release takes back a grant that was of no use, if region has it.
func (v *Voter) Release(region string) Vote {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.holder == region {
		v.until = v.now()
	}
	return v.state(v.now(), "")
}

// State says who has the grant.
func (v *Voter) State() Vote {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.state(v.now(), "")
}

func (v *Voter) state(now time.Time, why string) Vote {
	if !now.Before(v.until) {
		return Vote{Why: why}
	}
	return Vote{Holder: v.holder, LeftMS: v.until.Sub(now).Milliseconds(), Why: why}
}
