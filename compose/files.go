package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

// UserStack is a Compose project of the user's own files, started by Gauntlet.
type UserStack struct {
	Project string
	files   []string
	engine  *Engine
	lock    *os.File
}

// notProject are the characters that a Compose project's name can't have.
var notProject = regexp.MustCompile(`[^a-z0-9_-]+`)

// UserProject is the project in which the files of an experiment of that name are started: one of its own, so that it never meets
// one that the user has started.
func UserProject(name string) string {
	return projectPrefix + "user-" + strings.Trim(notProject.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// UpFiles starts the user's Compose files in a project of their own, as the user's Compose tool does it, and returns at once,
// before it is ready. On error what was started has been taken down again, or the error is also ErrLeft.
func (e *Engine) UpFiles(ctx context.Context, project string, files []string) (*UserStack, error) {
	s := &UserStack{Project: project, files: files, engine: e}
	var err error
	if s.lock, err = lock(s.Project); err != nil {
		return nil, err
	}
	if err := s.compose(ctx, 5*time.Minute, "up", "--detach"); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("start %s: %w", strings.Join(files, ", "), err), s.Down(ctx))
	}
	return s, nil
}

func (s *UserStack) compose(ctx context.Context, limit time.Duration, args ...string) error {
	all := append([]string{}, s.engine.compose[1:]...)
	all = append(all, "--project-name", s.Project)
	for _, f := range s.files {
		abs, err := filepath.Abs(f)
		if err != nil {
			return err
		}
		all = append(all, "--file", abs)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := command(ctx, filepath.Dir(s.files[0]), nil, s.engine.compose[0], append(all, args...)...)
	return err
}

// Down removes the project's containers, networks and volumes: it was started for one run. It may be called twice.
func (s *UserStack) Down(ctx context.Context) error {
	err := s.compose(ctx, time.Minute, "down", "--volumes", "--remove-orphans", "--timeout", "5")
	if err != nil {
		err = fmt.Errorf("%w: project %s: %w", ErrLeft, s.Project, err)
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
		s.lock = nil
	}
	return err
}

// AwaitHealthy waits until every container of the project runs and, where its image or file has a health check, is healthy.
// Containers that have ended with 0 are jobs that are done. waiting is told on whom it waits.
func (e *Engine) AwaitHealthy(ctx context.Context, project string, waiting func(on string)) error {
	for {
		on, err := e.unhealthy(ctx, project)
		if err == nil && len(on) == 0 {
			return nil
		}
		if err == nil {
			waiting(strings.Join(on, ", "))
			err = fmt.Errorf("project %s is not ready: waiting for %s", project, strings.Join(on, ", "))
		}
		if !sleep(ctx, 500*time.Millisecond) {
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

// unhealthy names the containers that are not ready.
func (e *Engine) unhealthy(ctx context.Context, project string) ([]string, error) {
	all, err := e.members(ctx, labelProject+"="+project)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range all {
		info, err := e.api.ContainerInspect(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		done := info.State.Status == container.StateExited && info.State.ExitCode == 0
		healthy := info.State.Running && (info.State.Health == nil || info.State.Health.Status == container.Healthy)
		if !done && !healthy {
			out = append(out, c.Labels[labelService])
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: %s has no containers", ErrNoProject, project)
	}
	return out, nil
}
