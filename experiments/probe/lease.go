package probe

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// leaseEvery is how often an agent is asked; a region's lease lasts seconds.
const leaseEvery = 100 * time.Millisecond

// leasePollers ask one region's agent whether its region may write.
func (s *session) leasePollers(e Endpoint) ([]poller, error) {
	node, err := newHTTPNode(e, 8010)
	if err != nil {
		return nil, err
	}
	a := &leaseAsker{httpNode: node, leases: s.leases, health: health{target: e.Name, out: s.out}}
	return []poller{{name: "lease " + e.Name, every: leaseEvery, limit: askLimit, asker: a}}, nil
}

type leaseAsker struct {
	*httpNode
	leases *leases
	health health
	now    leaseAnswer
}

// leaseAnswer is what an agent says of its region.
type leaseAnswer struct {
	Region string `json:"region"`
	Holds  bool   `json:"holds"`
	Left   int64  `json:"left_ms"`
}

func (a *leaseAsker) ask(ctx context.Context) error {
	a.now = leaseAnswer{}
	return a.get(ctx, "/lease", &a.now)
}

func (a *leaseAsker) tell(s span, err error) {
	a.health.saw(err, s)
	if err != nil {
		a.now = leaseAnswer{}
	}
	a.leases.saw(a.now, s)
}

// leases are those that the agents said they have. One that does not answer any more has its lease until that ends.
type leases struct {
	mu     sync.Mutex
	until  map[string]time.Duration // by region
	holder watched
}

func newLeases(out *emitter) *leases {
	return &leases{until: map[string]time.Duration{}, holder: watchFor(out, Lease, Cluster)}
}

func (l *leases) saw(a leaseAnswer, s span) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.Region != "" {
		delete(l.until, a.Region)
		if a.Holds {
			l.until[a.Region] = s.began + time.Duration(a.Left)*time.Millisecond
		}
	}
	var names []string
	for region, until := range l.until {
		if until > s.ended {
			names = append(names, region)
		}
	}
	slices.Sort(names)
	l.holder.saw(strings.Join(names, "+"), s)
}
