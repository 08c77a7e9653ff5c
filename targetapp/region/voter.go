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
	try    int64 // of the holder, that the grant is for
	until  time.Time
}

// NewVoter returns a voter that remembers nothing, and hence abstains for quiet, which is at least the longest lease that anybody
// asks for.
func NewVoter(quiet time.Duration) *Voter {
	return &Voter{now: time.Now, silent: time.Now().Add(quiet)}
}

// Ask asks for the lease for a region, or for more of it; ttl counts from now. The region numbers its tries, upwards: what comes
// late, after a later try, is not heeded.
func (v *Voter) Ask(region string, try int64, ttl time.Duration) Vote {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	switch {
	case now.Before(v.silent):
		return Vote{Why: "it has just started and may have granted the lease before"}
	case v.holder != region && now.Before(v.until):
		return v.state(now, "another region holds it")
	case try < v.try && now.Before(v.until):
		return v.state(now, "a later try was granted")
	}
	v.holder, v.try, v.until = region, try, now.Add(ttl)
	out := v.state(now, "")
	out.Granted = true
	return out
}

// Release takes back the grant of a try that made no majority. If a later try has been granted, it may be a part of one and stays.
func (v *Voter) Release(region string, try int64) Vote {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.holder == region && v.try == try {
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
