package chaostest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"gauntlet/chaos"
)

// Operations of the fake, as Failure, Slow and Calls name them, beside the verbs of operations.
const (
	OpList   = "list"
	OpCheck  = "check"
	everyone = ""
)

// Fake is a chaos.Runtime in memory. It keeps the rules of a container engine: what can be paused, killed and started when,
// and what a restart policy does. Its clock is time.Now, so that it works in a testing/synctest bubble.
type Fake struct {
	mu       sync.Mutex
	machines []*machine
	failures []*Failure
	slow     map[string]time.Duration
	blind    bool
	calls    []string
	lastPID  int
	created  int
}

// machine is one container.
type machine struct {
	chaos.Container
	policy  time.Duration       // restart policy: comes back so long after a crash; negative: never
	backAt  time.Time           // when the policy restarts it; zero: it does not
	started int                 // how often it was started
	rules   map[string]chaos.Op // what an agent holds, by id; lost with the container's life
}

// Failure is a scripted failure of the next calls of an operation.
type Failure struct {
	Op    string
	ID    string // "" for every container
	Err   error
	Times int  // how many calls fail; 0 is one, negative is all
	Acts  bool // the call has its effect all the same, as when an answer is lost
}

// NewFake makes a runtime with these containers. ID, Name, Index, State and PID get values if they have none.
func NewFake(containers ...chaos.Container) *Fake {
	f := &Fake{slow: map[string]time.Duration{}, lastPID: 1000}
	for _, c := range containers {
		c.Name = cmp.Or(c.Name, c.Service)
		c.ID = cmp.Or(c.ID, "id-"+c.Name)
		c.Index = cmp.Or(c.Index, 1)
		c.State = cmp.Or(c.State, chaos.Running)
		m := &machine{Container: c, policy: -1}
		f.machines = append(f.machines, m)
		if c.State != chaos.Exited {
			f.boot(m, c.State)
		}
	}
	return f
}

// Restarts gives a container a restart policy: it comes back so long after a crash.
func (f *Fake) Restarts(id string, after time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.find(id); m != nil {
		m.policy = after
	}
}

// Fail scripts a failure.
func (f *Fake) Fail(failure Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	failure.Times = cmp.Or(failure.Times, 1)
	f.failures = append(f.failures, &failure)
}

// Slow makes each call of an operation take so long before it acts.
func (f *Fake) Slow(op string, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slow[op] = d
}

// Blind makes effects come without evidence, as on an engine that can't be watched.
func (f *Fake) Blind() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blind = true
}

// Set puts a container into a state, as if by somebody else. Gone removes it.
func (f *Fake) Set(id string, state chaos.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.machines = slices.DeleteFunc(f.machines, func(m *machine) bool { return m.ID == id && state == chaos.Gone })
	if m := f.find(id); m != nil && state == chaos.Exited {
		f.down(m)
	} else if m != nil {
		f.boot(m, state)
	}
}

// Calls lists the calls so far, such as "paused id-db1".
func (f *Fake) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Answer is what a client of the container would get: the number of its present life, or an error if nothing answers.
func (f *Fake) Answer(id string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.find(id)
	if m == nil || m.State != chaos.Running {
		return "", fmt.Errorf("%s does not answer", id)
	}
	return fmt.Sprintf("life %d", m.started), nil
}

// find returns the container after what its restart policy did in the meantime; nil if it is gone.
func (f *Fake) find(id string) *machine {
	for _, m := range f.machines {
		if m.ID != id {
			continue
		}
		if !m.backAt.IsZero() && !time.Now().Before(m.backAt) {
			f.boot(m, chaos.Running)
		}
		return m
	}
	return nil
}

// boot makes the container run (or be paused); a new life gets a new PID.
func (f *Fake) boot(m *machine, state chaos.State) {
	if m.started == 0 || m.State == chaos.Exited {
		f.lastPID++
		m.PID = f.lastPID
		m.started++
		m.rules = map[string]chaos.Op{}
	}
	m.State, m.backAt = state, time.Time{}
}

func (f *Fake) down(m *machine) {
	m.State, m.PID, m.backAt, m.rules = chaos.Exited, 0, time.Time{}, nil
}

// List returns all containers.
func (f *Fake) List(ctx context.Context) ([]chaos.Container, error) {
	if err := f.enter(ctx, OpList, everyone); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	failure := f.take(OpList, everyone)
	if failure != nil {
		return nil, failure.Err
	}
	var out []chaos.Container
	for _, m := range f.machines {
		out = append(out, f.find(m.ID).Container)
	}
	return out, nil
}

// enter books the call and takes the scripted time.
func (f *Fake) enter(ctx context.Context, op, id string) error {
	f.mu.Lock()
	f.calls = append(f.calls, op+" "+id)
	d := f.slow[op]
	f.mu.Unlock()
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	return ctx.Err()
}

// take returns the scripted failure for this call, if any.
func (f *Fake) take(op, id string) *Failure {
	for _, s := range f.failures {
		if s.Op == op && (s.ID == everyone || s.ID == id) && s.Times != 0 {
			s.Times--
			return s
		}
	}
	return nil
}
