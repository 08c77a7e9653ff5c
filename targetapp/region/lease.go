package region

import (
	"context"
	"sync"
	"time"
)

// Ballot reaches one voter.
type Ballot interface {
	Ask(ctx context.Context, region string, try int64, ttl time.Duration) (Vote, error)
	Release(ctx context.Context, region string, try int64) error
	State(ctx context.Context) (Vote, error)
}

// voterLimit is how long a voter may take to answer.
const voterLimit = 700 * time.Millisecond

// Lease is one region's view of who may write.
type Lease struct {
	region string
	ttl    time.Duration
	voters []Ballot
	now    func() time.Time

	mu    sync.Mutex
	until time.Time // of our own lease
}

// NewLease prepares a lease of ttl for region. All regions name the same voters.
func NewLease(region string, ttl time.Duration, voters []Ballot) *Lease {
	return &Lease{region: region, ttl: ttl, voters: voters, now: time.Now}
}

// Left is how long the region may still write; <= 0: it may not.
func (l *Lease) Left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until.Sub(l.now())
}

// Renew asks for the lease, or for more of it, and says whether the region has it now. The new end counts from before the first
// question, so it is earlier than the end that any voter has noted. Grants that made no majority are given back.
func (l *Lease) Renew(ctx context.Context) bool {
	began := l.now()
	try := began.UnixNano() // so that it goes on upwards when this process starts anew
	votes := l.all(ctx, func(ctx context.Context, b Ballot) (Vote, error) { return b.Ask(ctx, l.region, try, l.ttl) })
	granted := 0
	for _, v := range votes {
		if v != nil && v.Granted {
			granted++
		}
	}
	if granted > len(l.voters)/2 {
		l.mu.Lock()
		l.until = began.Add(l.ttl)
		l.mu.Unlock()
		return l.Left() > 0
	}
	if l.Left() > 0 {
		return true // of an earlier majority
	}
	l.all(ctx, func(ctx context.Context, b Ballot) (Vote, error) { return Vote{}, b.Release(ctx, l.region, try) })
	return false
}

// Look asks who has the lease, without asking for it. heard says whether a majority answered; other is a region that a voter has
// granted it to and that is not ours, "" if none is known.
func (l *Lease) Look(ctx context.Context) (other string, heard bool) {
	answered := 0
	for _, v := range l.all(ctx, func(ctx context.Context, b Ballot) (Vote, error) { return b.State(ctx) }) {
		if v == nil {
			continue
		}
		answered++
		if v.Holder != "" && v.Holder != l.region {
			other = v.Holder
		}
	}
	return other, answered > len(l.voters)/2
}

// all asks all voters at once. nil stands for no answer.
func (l *Lease) all(ctx context.Context, ask func(context.Context, Ballot) (Vote, error)) []*Vote {
	ctx, cancel := context.WithTimeout(ctx, voterLimit)
	defer cancel()
	out := make([]*Vote, len(l.voters))
	var wg sync.WaitGroup
	for i, b := range l.voters {
		wg.Go(func() {
			if v, err := ask(ctx, b); err == nil {
				out[i] = &v
			}
		})
	}
	wg.Wait()
	return out
}
