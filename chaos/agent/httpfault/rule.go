//go:build linux

package httpfault

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"gauntlet/chaos"
)

// longestDelay is the longest delay of a request.
const longestDelay = 10 * time.Minute

// rule is one HTTPRule at work.
type rule struct {
	chaos.HTTPRule
	id string

	mu     sync.Mutex
	chance chance
}

// newRule checks what it is given; errors name the field.
func newRule(id string, h *chaos.HTTPRule) (*rule, error) {
	if h == nil {
		return nil, errors.New("http: no rule was given")
	}
	if len(h.Ports) == 0 || slices.Contains(h.Ports, 0) {
		return nil, errors.New("http: ports: name the ports at which the target serves HTTP, 1 to 65535")
	}
	if !(h.Share > 0 && h.Share <= 1) {
		return nil, fmt.Errorf("http: share is %v, want more than 0 and at most 1", h.Share)
	}
	if h.Status != 0 && (h.Status < 400 || h.Status > 599) {
		return nil, fmt.Errorf("http: status is %d, want 400 to 599", h.Status)
	}
	if h.Delay < 0 || h.Delay > longestDelay {
		return nil, fmt.Errorf("http: delay is %s, want 0 to %s", h.Delay, longestDelay)
	}
	if h.Status != 0 && h.Abort {
		return nil, errors.New("http: status and abort exclude each other")
	}
	if h.Status == 0 && h.Delay == 0 && !h.Abort {
		return nil, errors.New("http: nothing to do: set status, delay or abort")
	}
	if _, err := path.Match(h.Path, "/"); err != nil {
		return nil, fmt.Errorf("http: path %q: %w", h.Path, err)
	}
	return &rule{HTTPRule: *h, id: id, chance: newChance(h.Share, h.Seed)}, nil
}

// concerns says whether the rule is about such a request, before chance decides.
func (r *rule) concerns(port uint16, req *http.Request) bool {
	if !slices.Contains(r.Ports, port) || r.Method != "" && !strings.EqualFold(r.Method, req.Method) {
		return false
	}
	if strings.HasSuffix(r.Path, "/") {
		return strings.HasPrefix(req.URL.Path, r.Path)
	}
	matched, _ := path.Match(r.Path, req.URL.Path) // the pattern was checked
	return r.Path == "" || matched
}

// hits draws for one request that the rule concerns.
func (r *rule) hits() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.chance.next()
}

// words say what becomes of a request that is hit.
func (r *rule) words() string {
	var all []string
	if r.Delay > 0 {
		all = append(all, "delay "+r.Delay.String())
	}
	if r.Status != 0 {
		all = append(all, fmt.Sprint("status ", r.Status))
	}
	if r.Abort {
		all = append(all, "abort")
	}
	return strings.Join(all, " and ")
}

// verdict is what becomes of one request: it waits, and then it goes on unless it is answered or aborted here.
type verdict struct {
	delay  time.Duration
	status int
	abort  bool
	id     string // of the rule that answers or aborts
}

// judge asks all rules, in the order given. Delays add up; of several that would answer or abort the first does.
func judge(rules []*rule, port uint16, req *http.Request) verdict {
	var v verdict
	for _, r := range rules {
		if !r.concerns(port, req) || !r.hits() {
			continue
		}
		v.delay += r.Delay
		if v.id == "" && (r.Status != 0 || r.Abort) {
			v.id, v.status, v.abort = r.id, r.Status, r.Abort
		}
	}
	return v
}
