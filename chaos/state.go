package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Access is how a state fault reaches a server. What is left out is found in the target's labels (gauntlet.user,
// gauntlet.password, gauntlet.database) or its environment (POSTGRES_USER, RABBITMQ_DEFAULT_USER, REDIS_PASSWORD, ...).
type Access struct {
	Port     int // 0: the server's usual one
	User     string
	Password string
	Database string
}

// usual is what each server is found at.
type usual struct {
	port           uint16
	user, password []string // environment variables
	database       []string
	defaultUser    string
	defaultDB      string
}

var servers = map[string]usual{
	"postgres": {5432, []string{"POSTGRES_USER"}, []string{"POSTGRES_PASSWORD"}, []string{"POSTGRES_DB"}, "postgres", "postgres"},
	"redis":    {6379, nil, []string{"REDIS_PASSWORD"}, nil, "", ""},
	"rabbitmq": {5672, []string{"RABBITMQ_DEFAULT_USER"}, []string{"RABBITMQ_DEFAULT_PASS"}, []string{"RABBITMQ_DEFAULT_VHOST"}, "guest", "/"},
}

// plan makes the change on each target.
func (a Access) plan(on []Container, change StateChange, undoable bool) ([]Action, error) {
	u := servers[change.Server]
	var out []Action
	for _, c := range on {
		s := change
		s.Port = cmp.Or(uint16(a.Port), u.port)
		s.User = cmp.Or(a.User, c.Labels["gauntlet.user"], env(c, u.user), u.defaultUser)
		s.Password = cmp.Or(a.Password, c.Labels["gauntlet.password"], env(c, u.password), defaultPassword(change.Server))
		s.Database = cmp.Or(a.Database, c.Labels["gauntlet.database"], env(c, u.database), u.defaultDB)
		do := Op{Verb: VerbState, State: &s}
		action := Action{Target: Target{ID: c.ID, Name: c.Name}, Do: do}
		if undoable {
			action.Undo = revoke(do)
		}
		out = append(out, action)
	}
	return out, nil
}

// defaultPassword is what a fresh RabbitMQ knows; the others have none.
func defaultPassword(server string) string {
	if server == "rabbitmq" {
		return "guest"
	}
	return ""
}

// env is the value of the first of these variables that the container has.
func env(c Container, names []string) string {
	for _, kv := range c.Env {
		if name, value, _ := strings.Cut(kv, "="); slices.Contains(names, name) {
			return value
		}
	}
	return ""
}

func (a Access) check(kind string) error {
	if a.Port < 0 || a.Port > 65535 {
		return fmt.Errorf("%w: %s: port %d: write 1 to 65535", ErrBadStep, kind, a.Port)
	}
	return nil
}

// Flush empties the targets' caches (Redis FLUSHALL). Nothing is undone: a cache fills again.
type Flush struct{ Access }

// Kind is "flush".
func (*Flush) Kind() string { return "flush" }

// Check refuses impossible ports.
func (f *Flush) Check() error { return f.check("flush") }

// Plan flushes each target.
func (f *Flush) Plan(_ Scene, on []Container) ([]Action, error) {
	return f.plan(on, StateChange{Kind: "flush", Server: "redis"}, false)
}

// Poison puts messages into a queue that its consumers can't read. They are marked with a header (gauntlet-poison) and stay
// until somebody consumes them: dealing with them is what is tested.
type Poison struct {
	Access
	Queue string
	Count int // messages, 1 to 100,000
}

// Kind is "poison".
func (*Poison) Kind() string { return "poison" }

// Check wants a queue.
func (p *Poison) Check() error {
	if p.Queue == "" || p.Count < 1 || p.Count > 100_000 {
		return fmt.Errorf("%w: poison: write queue, and count from 1 to 100000", ErrBadStep)
	}
	return p.check("poison")
}

// Plan poisons the queue through one target: a queue is the same whichever node is asked.
func (p *Poison) Plan(_ Scene, on []Container) ([]Action, error) {
	return p.plan(on[:1], StateChange{Kind: "poison", Server: "rabbitmq", Queue: p.Queue, Count: p.Count}, true)
}

// Exhaust takes a server's connections and keeps them.
type Exhaust struct {
	Access
	Server string // postgres (default), redis or rabbitmq
	Count  int    // connections, 0: all there are
}

// Kind is "exhaust".
func (*Exhaust) Kind() string { return "exhaust" }

// Check refuses unknown servers.
func (e *Exhaust) Check() error {
	if _, ok := servers[e.Server]; !ok || e.Count < 0 || e.Count > 100_000 {
		return fmt.Errorf("%w: exhaust: write server: postgres, redis or rabbitmq, and count up to 100000", ErrBadStep)
	}
	return e.check("exhaust")
}

// Plan takes each target's connections.
func (e *Exhaust) Plan(_ Scene, on []Container) ([]Action, error) {
	return e.plan(on, StateChange{Kind: "exhaust", Server: e.Server, Count: e.Count}, true)
}

// Lock holds a lock on a table that nobody else can read or write then (PostgreSQL's ACCESS EXCLUSIVE).
type Lock struct {
	Access
	Table string
}

// Kind is "lock".
func (*Lock) Kind() string { return "lock" }

// Check wants a table.
func (l *Lock) Check() error {
	if l.Table == "" {
		return fmt.Errorf("%w: lock: write table", ErrBadStep)
	}
	return l.check("lock")
}

// Plan locks the table on each target.
func (l *Lock) Plan(_ Scene, on []Container) ([]Action, error) {
	return l.plan(on, StateChange{Kind: "lock", Server: "postgres", Table: l.Table}, true)
}

// SlowReplay keeps replicas behind their primary: what they receive they apply later.
type SlowReplay struct {
	Access
	Delay time.Duration // how far behind, 100 ms to 1 h
}

// Kind is "slow-replay".
func (*SlowReplay) Kind() string { return "slow-replay" }

// Check refuses delays out of range.
func (s *SlowReplay) Check() error {
	if s.Delay < 100*time.Millisecond || s.Delay > time.Hour {
		return fmt.Errorf("%w: slow-replay: delay %s: write 100ms to 1h", ErrBadStep, s.Delay)
	}
	return s.check("slow-replay")
}

// Plan slows each target's replay.
func (s *SlowReplay) Plan(_ Scene, on []Container) ([]Action, error) {
	acts, err := s.plan(on, StateChange{Kind: "slow-replay", Server: "postgres", Delay: s.Delay}, true)
	for i := range acts {
		acts[i].Do.Verb = VerbReplay
		acts[i].Undo = revoke(acts[i].Do)
	}
	return acts, err
}

// Spike multiplies the load's rate. It is on no container: a step with it has no targets.
type Spike struct {
	Factor float64 // 0 to 20; below 1 the load is less
}

// Kind is "spike".
func (*Spike) Kind() string { return "spike" }

// Check refuses factors out of range.
func (s *Spike) Check() error {
	if !(s.Factor >= 0 && s.Factor <= 20) || s.Factor == 1 {
		return fmt.Errorf("%w: spike: factor %g: write 0 to 20, not 1", ErrBadStep, s.Factor)
	}
	return nil
}

// Plan asks whoever runs the load.
func (s *Spike) Plan(Scene, []Container) ([]Action, error) {
	do := Op{Verb: VerbSpike, Factor: s.Factor}
	return []Action{{Target: Target{Name: "load"}, Do: do, Undo: revoke(do)}}, nil
}
