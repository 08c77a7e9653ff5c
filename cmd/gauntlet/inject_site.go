package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"gauntlet/chaos"
	"gauntlet/chaos/docker"
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

// attach finds the project by its name or by the topology that it is of; without both, the only one that runs.
func attach(ctx context.Context, project, topology string) (*site, error) {
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
	if s.roles, err = newResolver(s.project); err != nil {
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

// ready makes the helpers' image if the fault may need it.
func (s *site) ready(ctx context.Context, f chaos.Fault, say func(string)) error {
	switch {
	case len(chaos.Verbs(f)) > 0:
		return s.engine.EnsureApp(ctx, say)
	case (f.Kind() == "crash" || f.Kind() == "signal") && (os.Geteuid() != 0 || !strings.HasPrefix(s.engine.Host, "unix:")):
		// Root on the engine's own host needs no helper, and others may do without one, too.
		if err := s.engine.EnsureApp(ctx, say); err != nil {
			say("no helper can be started, should one be needed: " + err.Error())
		}
	}
	return nil
}

// undisturbed is an error if the undo log has something open: what a Gauntlet that was killed has left.
func undisturbed(j *chaos.Journal) error {
	open, _, err := j.Open()
	if err != nil || len(open) == 0 {
		return err
	}
	return fmt.Errorf("project %s is still disturbed: %s; mend: gauntlet heal --project %s", j.Project(), describeOpen(open[0]), j.Project())
}
