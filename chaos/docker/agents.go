package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/docker/docker/api/types/container"
	"golang.org/x/sync/errgroup"

	"gauntlet/chaos"
	"gauntlet/chaos/agent"
	"gauntlet/chaos/proc"
)

// profile is what an agent was given rights for. A target may have one agent of each.
type profile string

const (
	inside profile = "inside" // in the target's network namespace, with power over its network
	among  profile = "among"  // in the target's network namespace, and among its processes, which it may signal
	beside profile = "beside" // with the host's processes and control groups, for what is taken from the target's resources
)

// profileOf is the one that carries a verb out.
func profileOf(v chaos.Verb) profile {
	switch v {
	case chaos.VerbResource:
		return beside
	case chaos.VerbReplay:
		return among
	}
	return inside
}

// verbs are what an agent of the profile does.
func (p profile) verbs() []string {
	switch p {
	case beside:
		return []string{string(chaos.VerbResource)}
	case among:
		return []string{string(chaos.VerbReplay)}
	}
	return []string{string(chaos.VerbNet), string(chaos.VerbHTTP), string(chaos.VerbState)}
}

// starters is how many agents are started at the same time.
const starters = 6

// agents are those that this process started, by target and profile.
type agents struct {
	mu    sync.Mutex
	seats map[seatKey]*seat
}

type seatKey struct {
	target string
	profile
}

// seat is the place of one agent. Who has the turn may look at it and change it.
type seat struct {
	turn chan struct{}
	m    *member
}

// member is an agent that was started.
type member struct {
	client   *agent.Client
	pipe     *Pipe
	life     string        // of the target: an agent belongs to one life of it
	process  *proc.Process // the target's first process; nil if it can't be seen from here
	borrowed string        // why the network is not the target's own; "" if it is
}

// sit waits for the turn at a seat; the caller gives it back by leave.
func (a *agents) sit(ctx context.Context, target string, p profile) (*seat, error) {
	a.mu.Lock()
	if a.seats == nil {
		a.seats = map[seatKey]*seat{}
	}
	s := a.seats[seatKey{target, p}]
	if s == nil {
		s = &seat{turn: make(chan struct{}, 1)}
		a.seats[seatKey{target, p}] = s
	}
	a.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
		return s, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *seat) leave() { <-s.turn }

// alive says whether the agent is; it may still be in a life of the target that is over.
func (m *member) alive() bool { return m != nil && m.client.Context().Err() == nil }

// serves says whether it is certain, without asking the engine, that the agent lives in the present life of its target.
func (m *member) serves() bool {
	if !m.alive() || m.process == nil {
		return false
	}
	ended, err := m.process.Ended()
	return err == nil && !ended
}

// dismiss ends the agent in the seat and waits until its container is gone. What it held is undone by then.
func (s *seat) dismiss(ctx context.Context) error {
	if s.m == nil {
		return nil
	}
	_ = s.m.client.Close() // a proper end is better, but its removal is what counts
	err := s.m.pipe.Remove(ctx)
	if err == nil {
		s.m = nil
	}
	return err
}

// lifeOf names one life of a container: a restart begins another.
func lifeOf(info container.InspectResponse) string {
	return info.ID + " " + info.State.StartedAt + " " + strconv.Itoa(info.State.Pid)
}

// Arm starts agents for the verbs in the containers, side by side, so that a later Do is one message.
func (r *Runtime) Arm(ctx context.Context, on []chaos.Container, verbs []chaos.Verb) error {
	var first = map[profile]chaos.Verb{}
	for _, v := range verbs {
		if _, ok := first[profileOf(v)]; v.ByAgent() && (!ok || v == chaos.VerbNet || v == chaos.VerbHTTP) {
			first[profileOf(v)] = v
		}
	}
	errs := make([]error, len(on))
	var g errgroup.Group
	g.SetLimit(starters)
	for i, c := range on {
		g.Go(func() error {
			for _, v := range first {
				s, _, err := r.agent(ctx, chaos.Target{ID: c.ID, Name: c.Name}, v)
				if err == nil {
					s.leave()
				}
				errs[i] = errors.Join(errs[i], err)
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	return errors.Join(errs...)
}

// agent is the agent in the present life of the target that carries the verb out, started if there is none. The caller has
// the turn at its seat, and leaves it.
func (r *Runtime) agent(ctx context.Context, t chaos.Target, v chaos.Verb) (*seat, *member, error) {
	s, err := r.agents.sit(ctx, t.ID, profileOf(v))
	if err != nil {
		return nil, nil, err
	}
	if err := r.occupy(ctx, s, t, v); err != nil {
		s.leave()
		return nil, nil, fmt.Errorf("%s: agent: %w", t.Name, err)
	}
	return s, s.m, nil
}

// occupy makes sure that the right agent sits there.
func (r *Runtime) occupy(ctx context.Context, s *seat, t chaos.Target, v chaos.Verb) error {
	if s.m.serves() {
		return s.m.refuses(v)
	}
	info, err := r.inspect(ctx, t.ID)
	if errors.Is(err, chaos.ErrGone) {
		return errors.Join(err, s.dismiss(ctx))
	}
	if err != nil {
		return err
	}
	if s.m.alive() && s.m.life == lifeOf(info) {
		return s.m.refuses(v)
	}
	if err := s.dismiss(ctx); err != nil {
		return err
	}
	if state := stateOf(info.State); state != chaos.Running && state != chaos.Paused {
		return fmt.Errorf("target is %s: %w", state, chaos.ErrWrongState)
	}
	if err := (&member{borrowed: borrowed(info)}).refuses(v); err != nil {
		return err
	}
	s.m, err = r.arm(ctx, t, info, profileOf(v))
	return err
}

// refuses says why this agent may not carry a verb out, nil if it may.
func (m *member) refuses(v chaos.Verb) error {
	if m.borrowed != "" && (v == chaos.VerbNet || v == chaos.VerbHTTP) {
		return fmt.Errorf("%w: %s", chaos.ErrRefused, m.borrowed)
	}
	return nil
}

// borrowed says why the network that the container is in is not its own.
func borrowed(info container.InspectResponse) string {
	switch {
	case info.HostConfig == nil:
		return "the engine does not say in which network it is"
	case info.HostConfig.NetworkMode.IsHost():
		return "it shares the host's network: the fault would hit the host"
	case info.HostConfig.NetworkMode.IsContainer():
		return "it shares another container's network: name that one as the target"
	}
	return ""
}

// arm starts an agent in the target's present life.
func (r *Runtime) arm(ctx context.Context, t chaos.Target, info container.InspectResponse, p profile) (*member, error) {
	if r.opts.Image == "" || len(r.opts.AgentCommand) == 0 {
		return nil, fmt.Errorf("%w: no image and command for agents were named", chaos.ErrUnsupported)
	}
	m, err := r.enlist(ctx, t, info, p)
	if err != nil {
		return nil, err
	}
	now, err := r.inspect(ctx, info.ID)
	if err == nil && lifeOf(now) != lifeOf(info) {
		err = fmt.Errorf("target was restarted while its agent started: %w", chaos.ErrWrongState)
	}
	if err != nil {
		_ = m.client.Close()
		return nil, errors.Join(err, m.pipe.Remove(ctx))
	}
	return m, nil
}

// enlist starts an agent's container and waits for its first word.
func (r *Runtime) enlist(ctx context.Context, t chaos.Target, info container.InspectResponse, p profile) (*member, error) {
	process, err := r.process(info)
	if err != nil {
		process = nil // then the engine is asked
	}
	pipe, err := r.open(ctx, r.agentConfig(t, info, p), agentHost(info, p, besideRights))
	if err != nil && p == beside && ctx.Err() == nil {
		pipe, err = r.open(ctx, r.agentConfig(t, info, p), agentHost(info, p, besideRights[1:]))
	}
	if err != nil {
		return nil, err
	}
	client, err := agent.Dial(ctx, pipe, r.opts.Lease)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("it said %q: %w", pipe.LastWords(), err), pipe.Remove(ctx))
	}
	return &member{client: client, pipe: pipe, life: lifeOf(info), process: process, borrowed: borrowed(info)}, nil
}

// agentMemory bounds an agent inside: what it holds back are packets in flight.
const agentMemory = 512 << 20

// agentShares are an agent's share of a busy machine's processors, of which a container has 1,024 by default: a packet that is held
// too long is a fault that nobody asked for.
const agentShares = 8192

func (r *Runtime) agentConfig(t chaos.Target, info container.InspectResponse, p profile) *container.Config {
	command := append(slices.Clone(r.opts.AgentCommand), "--target", info.ID, "--pid", strconv.Itoa(info.State.Pid), "--verbs", strings.Join(p.verbs(), ","))
	return &container.Config{Image: r.opts.Image, Entrypoint: command, Labels: map[string]string{
		labelInternal: "agent", labelOwner: "gauntlet", labelScope: r.opts.Project, labelTarget: info.ID, labelName: t.Name, labelProfile: string(p),
	}}
}

// besideRights let an agent see the target's files, and write to its control group as the host's root. The first one, to keep a
// process from being killed when memory runs out, is one that engines in a container themselves may not have to give.
//
// Note: all rights ("privileged") are more than it needs, and more than such engines can give.
var besideRights = []string{"SYS_RESOURCE", "SYS_PTRACE", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "CHOWN", "KILL", "SYS_ADMIN"}

func agentHost(info container.InspectResponse, p profile, rights []string) *container.HostConfig {
	if p == beside {
		return &container.HostConfig{
			PidMode: "host", UsernsMode: "host", CgroupnsMode: container.CgroupnsModeHost, NetworkMode: "none",
			CapDrop: []string{"ALL"}, CapAdd: rights, SecurityOpt: []string{"apparmor=unconfined", "label=disable"},
			Binds: []string{"/sys/fs/cgroup:/sys/fs/cgroup:rw"}, // no limit of memory: what it writes to a target's tmpfs counts as its own
		}
	}
	in := container.NetworkMode("container:" + info.ID)
	if info.HostConfig != nil && info.HostConfig.NetworkMode.IsContainer() {
		in = info.HostConfig.NetworkMode
	}
	host := &container.HostConfig{
		NetworkMode: in, CapDrop: []string{"ALL"}, CapAdd: []string{"NET_ADMIN", "NET_RAW"}, ReadonlyRootfs: true,
		Resources: container.Resources{Memory: agentMemory, CPUShares: agentShares},
	}
	if p == among {
		host.CapAdd = []string{"KILL"}
		// A target that shares others' processes is not joined: the agent could not tell whose they are.
		if info.HostConfig != nil && info.HostConfig.PidMode == "" {
			host.PidMode = container.PidMode("container:" + info.ID)
		}
	}
	return host
}

// closeAgents ends all agents that this process started.
func (r *Runtime) closeAgents() error {
	r.agents.mu.Lock()
	seats := make([]*seat, 0, len(r.agents.seats))
	for _, s := range r.agents.seats {
		seats = append(seats, s)
	}
	r.agents.mu.Unlock()
	errs := make([]error, len(seats))
	var wg sync.WaitGroup
	for i, s := range seats {
		wg.Go(func() {
			s.turn <- struct{}{}
			defer s.leave()
			errs[i] = s.dismiss(context.Background())
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
