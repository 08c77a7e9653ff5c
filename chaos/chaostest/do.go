package chaostest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gauntlet/chaos"
)

// Do does what an engine and its agents would do.
func (f *Fake) Do(ctx context.Context, t chaos.Target, id string, op chaos.Op) (chaos.Effect, error) {
	asked := time.Now()
	if err := f.enter(ctx, string(op.Verb), t.ID); err != nil {
		return chaos.Effect{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	failure := f.take(string(op.Verb), t.ID)
	if failure != nil && !failure.Acts {
		return chaos.Effect{}, failure.Err
	}
	proof, err := f.carryOut(t, id, op)
	if err != nil {
		return chaos.Effect{}, err
	}
	if failure != nil {
		return chaos.Effect{}, failure.Err
	}
	if f.blind {
		return chaos.Effect{}, nil
	}
	half := time.Since(asked) / 2
	return chaos.Effect{Began: asked.Add(half), Uncertainty: half, Proof: proof}, nil
}

func (f *Fake) carryOut(t chaos.Target, id string, op chaos.Op) (string, error) {
	if op.Verb == chaos.VerbCreate {
		return f.create(t, op)
	}
	if t.ID == "" {
		t.ID = "id-" + t.Name
	}
	m := f.find(t.ID)
	if m == nil {
		return "", fmt.Errorf("%s: %w", t.ID, chaos.ErrGone)
	}
	if err := f.one(m, id, op); err != nil {
		return "", err
	}
	return m.Name + " is " + string(m.State), nil
}

// create makes a removed container again, with a new id as engines do. One that exists is left alone.
func (f *Fake) create(t chaos.Target, op chaos.Op) (string, error) {
	for _, m := range f.machines {
		if m.Name == t.Name {
			return m.Name + " is there", nil
		}
	}
	f.created++
	c := chaos.Container{Name: t.Name, Service: op.Snapshot, Index: max(1, op.Index), State: chaos.Running}
	c.ID = fmt.Sprintf("id-%s", t.Name)
	if op.Index == 0 {
		c.ID += fmt.Sprintf("-again%d", f.created)
	}
	m := &machine{Container: c, policy: -1}
	f.machines = append(f.machines, m)
	f.boot(m, chaos.Running)
	return m.Name + " runs", nil
}

// one changes one container.
func (f *Fake) one(m *machine, id string, op chaos.Op) error {
	if op.Verb == chaos.VerbStart {
		f.boot(m, chaos.Running)
		return nil
	}
	if op.Verb == chaos.VerbRevoke {
		delete(m.rules, id)
		return nil
	}
	if m.State != chaos.Running && op.Verb != chaos.VerbRemove && op.Verb != chaos.VerbQuota {
		return fmt.Errorf("%s is %s: %w", m.Name, m.State, chaos.ErrWrongState)
	}
	switch op.Verb {
	case chaos.VerbNoop:
	case chaos.VerbKill, chaos.VerbStop:
		f.down(m)
	case chaos.VerbCrash:
		f.down(m)
		if m.policy >= 0 {
			m.backAt = time.Now().Add(m.policy)
		}
	case chaos.VerbPause:
		m.State = chaos.Paused
	case chaos.VerbRestart:
		f.down(m)
		f.boot(m, chaos.Running)
	case chaos.VerbSignal:
		return f.signal(m, op.Signal)
	case chaos.VerbQuota:
		m.Quota = op.CPUs
	case chaos.VerbRemove:
		f.machines = slices.DeleteFunc(f.machines, func(o *machine) bool { return o == m })
	case chaos.VerbNet, chaos.VerbHTTP, chaos.VerbResource, chaos.VerbState, chaos.VerbReplay:
		m.rules[id] = op
	default:
		return fmt.Errorf("%s: %w", op.Verb, chaos.ErrUnsupported)
	}
	return nil
}

func (f *Fake) signal(m *machine, signal string) error {
	switch signal {
	case "SIGKILL", "SIGTERM":
		f.down(m)
		if m.policy >= 0 {
			m.backAt = time.Now().Add(m.policy)
		}
	}
	return nil
}

// Check says whether an operation still holds.
func (f *Fake) Check(ctx context.Context, t chaos.Target, id string, op chaos.Op) error {
	if err := f.enter(ctx, OpCheck, t.ID); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if failure := f.take(OpCheck, t.ID); failure != nil {
		return failure.Err
	}
	m := f.find(t.ID)
	switch {
	case op.Verb == chaos.VerbRemove:
		if m != nil {
			return fmt.Errorf("%w: %s is there", chaos.ErrEndedEarly, m.Name)
		}
		return nil
	case m == nil:
		return fmt.Errorf("%s: %w: %w", t.Name, chaos.ErrEndedEarly, chaos.ErrGone)
	}
	return f.holds(m, id, op)
}

func (f *Fake) holds(m *machine, id string, op chaos.Op) error {
	ok := true
	switch op.Verb {
	case chaos.VerbKill, chaos.VerbStop:
		ok = m.State == chaos.Exited
	case chaos.VerbPause:
		ok = m.State == chaos.Paused
	case chaos.VerbQuota:
		ok = m.Quota == op.CPUs
	case chaos.VerbNet, chaos.VerbHTTP, chaos.VerbResource, chaos.VerbState, chaos.VerbReplay:
		_, ok = m.rules[id]
	}
	if !ok {
		return fmt.Errorf("%w: %s is %s: something else healed it", chaos.ErrEndedEarly, m.Name, m.State)
	}
	return nil
}

// Sweep ends all agents.
func (f *Fake) Sweep(context.Context) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, m := range f.machines {
		if len(m.rules) > 0 {
			out = append(out, m.Name)
			clear(m.rules)
		}
	}
	return out, nil
}

// Snapshot is enough to make a container again: its service.
func (f *Fake) Snapshot(_ context.Context, id string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.find(id); m != nil {
		return m.Service, nil
	}
	return "", errors.Join(chaos.ErrGone, errors.New(id))
}

// Rules lists the ids of what agents hold in a container, sorted.
func (f *Fake) Rules(id string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.find(id)
	if m == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(m.rules))
}
