package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// each plans the same for every target.
func each(on []Container, do Op, undo ...Op) []Action {
	out := make([]Action, len(on))
	for i, c := range on {
		out[i] = Action{Target: Target{ID: c.ID, Name: c.Name}, Do: do, Undo: undo}
	}
	return out
}

// start is the undo of whatever takes a container down.
var start = Op{Verb: VerbStart}

// Kill is the loss of a node: the engine kills the container, so that no restart policy acts, and it stays down until it is
// healed. Then it is started again and has to find its own way back.
type Kill struct{}

// Kind is "kill".
func (*Kill) Kind() string { return "kill" }

// Plan kills each target.
func (*Kill) Plan(_ Scene, on []Container) ([]Action, error) {
	return each(on, Op{Verb: VerbKill}, start), nil
}

// Crash is a process that dies by itself: SIGKILL to the container's first process from outside the engine, so that the
// restart policy acts as in production. Healing makes sure that the container runs again, also without a policy.
//
// Note: the engine's own kill is not a crash. It marks the container as stopped by hand, and no policy restarts it.
type Crash struct{}

// Kind is "crash".
func (*Crash) Kind() string { return "crash" }

// Plan crashes each target.
func (*Crash) Plan(_ Scene, on []Container) ([]Action, error) {
	return each(on, Op{Verb: VerbCrash}, start), nil
}

// Pause freezes all processes of the targets: sockets stay open, nothing answers. Healing thaws them.
type Pause struct{}

// Kind is "pause".
func (*Pause) Kind() string { return "pause" }

// Plan freezes each target.
func (*Pause) Plan(_ Scene, on []Container) ([]Action, error) {
	return each(on, Op{Verb: VerbPause}, start), nil
}

// Stop is an operator's graceful stop: the container's stop signal, then SIGKILL after Timeout. It stays down until healed.
type Stop struct {
	Timeout time.Duration // how long the process may take to end by itself, 1 s to 1 min
}

// Kind is "stop".
func (*Stop) Kind() string { return "stop" }

// Check refuses a timeout outside of 1 s to 1 min.
func (s *Stop) Check() error { return checkTimeout("stop", s.Timeout) }

// Settles is the timeout: until then the process may still be ending.
func (s *Stop) Settles() time.Duration { return s.Timeout }

// Plan stops each target.
func (s *Stop) Plan(_ Scene, on []Container) ([]Action, error) {
	return each(on, Op{Verb: VerbStop, Timeout: s.Timeout}, start), nil
}

// Restart is an operator's restart of all targets at once: the stop signal, SIGKILL after Timeout, start.
type Restart struct {
	Timeout time.Duration // how long the process may take to end by itself, 1 s to 1 min
}

// Kind is "restart".
func (*Restart) Kind() string { return "restart" }

// Check refuses a timeout outside of 1 s to 1 min.
func (r *Restart) Check() error { return checkTimeout("restart", r.Timeout) }

// Settles is the timeout: until then the process may still be ending.
func (r *Restart) Settles() time.Duration { return r.Timeout }

// Plan restarts each target.
func (r *Restart) Plan(_ Scene, on []Container) ([]Action, error) {
	return each(on, Op{Verb: VerbRestart, Timeout: r.Timeout}, start), nil
}

// Roll restarts the targets one after the other, as a rolling deployment does: the next one when the last one has run again for Pause.
// That it runs does not mean that it serves, nor that a load balancer has seen it.
type Roll struct {
	Timeout time.Duration // how long each process may take to end by itself, 1 s to 1 min
	Pause   time.Duration // how long each is given to serve again, 0 to 1 min
}

// Kind is "roll".
func (*Roll) Kind() string { return "roll" }

// Check refuses a timeout outside of 1 s to 1 min, and a longer pause.
func (r *Roll) Check() error {
	if r.Pause < 0 || r.Pause > time.Minute {
		return fmt.Errorf("%w: roll: pause %s: write 0s to 1m", ErrBadStep, r.Pause)
	}
	return checkTimeout("roll", r.Timeout)
}

// Settles is the timeout: until then the process may still be ending.
func (r *Roll) Settles() time.Duration { return r.Timeout }

// Plan restarts each target, in the order of their names.
func (r *Roll) Plan(_ Scene, on []Container) ([]Action, error) {
	return each(on, Op{Verb: VerbRestart, Timeout: r.Timeout, Pause: r.Pause}, start), nil
}

func checkTimeout(kind string, d time.Duration) error {
	if d < time.Second || d > time.Minute {
		return fmt.Errorf("%w: %s: timeout %s: write 1s to 1m", ErrBadStep, kind, d)
	}
	return nil
}

// Signal sends a signal to a process in each target, from outside of the engine, so that restart policies stay as they are.
type Signal struct {
	Signal  string // name, such as SIGHUP, SIGTERM, SIGSTOP
	Process string // command name inside the container, such as "postgres"; "" is the first process. The oldest one is meant
}

// Kind is "signal".
func (*Signal) Kind() string { return "signal" }

// signals that can be sent, and those that undo them.
var signals = map[string]string{
	"SIGHUP": "", "SIGINT": "", "SIGQUIT": "", "SIGKILL": "", "SIGUSR1": "", "SIGUSR2": "", "SIGTERM": "", "SIGABRT": "", "SIGSTOP": "SIGCONT", "SIGCONT": "",
}

// Check refuses unknown signals.
func (s *Signal) Check() error {
	if _, ok := signals[s.Signal]; !ok {
		return fmt.Errorf("%w: signal: %q is none of SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGUSR1, SIGUSR2, SIGTERM, SIGABRT, SIGSTOP, SIGCONT", ErrBadStep, s.Signal)
	}
	return nil
}

// Plan signals each target. SIGSTOP is undone by SIGCONT; what else a signal did is healed by making the container run.
func (s *Signal) Plan(_ Scene, on []Container) ([]Action, error) {
	undo := []Op{start}
	if back := signals[s.Signal]; back != "" {
		undo = []Op{{Verb: VerbSignal, Signal: back, Process: s.Process}, start}
	}
	return each(on, Op{Verb: VerbSignal, Signal: s.Signal, Process: s.Process}, undo...), nil
}

// Remove removes the targets, as a scheduler does with a node that it gives up. Healing makes them again, with the same name,
// configuration, networks and volumes, and a new id.
type Remove struct{}

// Kind is "remove".
func (*Remove) Kind() string { return "remove" }

// Removes says that the plan needs snapshots.
func (*Remove) Removes() bool { return true }

// Plan removes each target.
func (*Remove) Plan(_ Scene, on []Container) ([]Action, error) {
	var out []Action
	for _, c := range on {
		out = append(out, removal(c))
	}
	return out, nil
}

func removal(c Container) Action {
	return Action{
		Target: Target{ID: c.ID, Name: c.Name}, Do: Op{Verb: VerbRemove},
		Undo: []Op{{Verb: VerbCreate, Snapshot: c.Snapshot}},
	}
}

// Scale brings each service that the targets belong to, to so many containers. Healing brings back the number of before.
type Scale struct {
	To int // containers per service, 0 to 50
}

// Kind is "scale".
func (*Scale) Kind() string { return "scale" }

// Removes says that the plan needs snapshots.
func (*Scale) Removes() bool { return true }

// Check refuses numbers outside of 0 to 50.
func (s *Scale) Check() error {
	if s.To < 0 || s.To > 50 {
		return fmt.Errorf("%w: scale: to %d: write 0 to 50", ErrBadStep, s.To)
	}
	return nil
}

// Plan removes the replicas with the highest numbers, or adds some after them.
func (s *Scale) Plan(scene Scene, on []Container) ([]Action, error) {
	var out []Action
	done := map[string]bool{}
	for _, c := range on {
		if !done[c.Service] {
			done[c.Service] = true
			out = append(out, s.service(scene.All, c.Service)...)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: scale: there are %d containers already", ErrWrongState, s.To)
	}
	return out, nil
}

func (s *Scale) service(all []Container, service string) []Action {
	replicas := slices.DeleteFunc(slices.Clone(all), func(c Container) bool { return c.Service != service || c.State == Gone })
	slices.SortFunc(replicas, func(a, b Container) int { return cmp.Compare(a.Index, b.Index) })
	var out []Action
	for i := len(replicas) - 1; i >= s.To; i-- {
		out = append(out, removal(replicas[i]))
	}
	last := replicas[len(replicas)-1]
	for n := len(replicas); n < s.To; n++ {
		index := last.Index + 1 + n - len(replicas)
		out = append(out, Action{
			Target: Target{Name: fmt.Sprintf("%s-%d", service, index)},
			Do:     Op{Verb: VerbCreate, Service: service, Index: index, Snapshot: last.Snapshot},
			Undo:   []Op{{Verb: VerbRemove, Service: service, Index: index}},
		})
	}
	return out
}
