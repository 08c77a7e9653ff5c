package run

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"gauntlet/chaos"
	"gauntlet/chaos/docker"
	"gauntlet/chaos/janitor"
	"gauntlet/experiments/history"
)

// Guard starts a janitor that undoes what the journal has open when this process dies. folder gets its record; "" is none. Where
// there can be no janitor, say is told, and what is left after a crash is heal. The caller calls done when all is healed; an
// error of it says that the janitor may still be there.
func Guard(ctx context.Context, rt *docker.Runtime, j *chaos.Journal, folder string, say func(string)) (done func() error, err error) {
	g, err := janitor.Start(ctx, rt, janitor.Options{Command: []string{"/gauntlet", "janitor"}, Folder: folder, Say: say})
	if errors.Is(err, chaos.ErrUnsupported) {
		say("there is no janitor: after a crash of Gauntlet call gauntlet heal (" + err.Error() + ")")
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, err
	}
	j.Also(g.Record)
	return g.Close, nil
}

// guarded runs what disturbs the topology beside a janitor.
func (r *runner) guarded(ctx context.Context, rec *recorder, live chaos.Runtime, j *chaos.Journal, work func() error) error {
	rt, ok := chaos.Power[*docker.Runtime](live)
	if !ok || len(r.exp.Steps) == 0 {
		return work()
	}
	folder, err := filepath.Abs(r.dir)
	if err != nil {
		return err
	}
	done, err := Guard(ctx, rt, j, folder, func(text string) {
		rec.note(history.NoteJanitor, strings.TrimSpace(text))
	})
	if err != nil {
		return err
	}
	return errors.Join(work(), done())
}
