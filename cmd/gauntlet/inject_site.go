package main

import (
	"context"
	"errors"
	"fmt"

	"gauntlet/chaos"
	"gauntlet/chaos/docker"
	"gauntlet/chaos/roles"
	"gauntlet/compose"
)

// site is a running Compose project that can be disturbed, ours or anybody's.
type site struct {
	engine  *compose.Engine
	project *compose.Attached
	runtime *docker.Runtime
	roles   resolver
	live    chaos.Runtime // the runtime with live roles
}

// attach finds the project by its name or by the topology that it is of; without both, the only one that runs. declared are live
// roles beside those that are known.
func attach(ctx context.Context, project, topology string, declared []roles.Declared) (*site, error) {
	eng, err := compose.Connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &site{engine: eng}
	if topology != "" {
		t, err := compose.Lookup(topology)
		if err != nil {
			return nil, errors.Join(err, eng.Close())
		}
		project = eng.Find(t).Project
	}
	if s.project, err = eng.Attach(ctx, project); err != nil {
		return nil, errors.Join(err, eng.Close())
	}
	if s.runtime, err = docker.New(ctx, runtimeOptions(eng, s.project.Name)); err != nil {
		return nil, errors.Join(err, eng.Close())
	}
	if s.roles, err = newResolver(s.project, s.runtime, declared); err != nil {
		return nil, errors.Join(err, s.runtime.Close(), eng.Close())
	}
	s.live = chaos.WithRoles(s.runtime, s.roles.of(s.runtime))
	return s, nil
}

func (s *site) close() { _ = errors.Join(s.runtime.Close(), s.engine.Close()) }

// runtimeOptions are how faults are carried out in a project.
func runtimeOptions(eng *compose.Engine, project string) docker.Options {
	return docker.Options{
		Project: project, Host: eng.Host, Image: eng.AppImage(),
		HelperCommand: []string{"/gauntlet", "hostkill"}, AgentCommand: []string{"/gauntlet", "agent"},
	}
}

// ready makes the helpers' image. A fault that needs no agent goes on without one; the answer says whether there is an image.
func (s *site) ready(ctx context.Context, f chaos.Fault, say func(string)) (bool, error) {
	err := s.engine.EnsureApp(ctx, say)
	if err == nil {
		return true, nil
	}
	if len(chaos.Verbs(f)) > 0 || ctx.Err() != nil {
		return false, err
	}
	say("no helper can be started: after a crash of Gauntlet call gauntlet heal (" + err.Error() + ")")
	return false, nil
}

// clean undoes what a Gauntlet that was killed has left, so that one fault is not measured through another.
func (s *site) clean(ctx context.Context, j *chaos.Journal, say func(string)) error {
	open, _, err := j.Open()
	if err != nil || len(open) == 0 {
		return err
	}
	say(fmt.Sprintf("an earlier Gauntlet was killed during %s; that is healed first", describeOpen(open[0])))
	rep, err := chaos.HealIntents(ctx, s.runtime, open)
	say(rep.String())
	if err != nil {
		return err
	}
	for _, in := range open {
		if err := j.Done(in.ID); err != nil {
			return err
		}
	}
	return nil
}
