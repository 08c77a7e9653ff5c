package docker_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"gauntlet/chaos"
	"gauntlet/chaos/janitor"
)

// janitors are the ids of the project's janitors.
func (y *yard) janitors(t *testing.T) []string {
	t.Helper()
	all, err := y.cli.ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", "gauntlet.internal=janitor"), filters.Arg("label", "gauntlet.project="+y.project))})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	return ids
}

// TestJanitorHeals ends a Gauntlet in mid-step in three ways; nobody but its janitor heals.
func TestJanitorHeals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, kind string
		end        syscall.Signal
		janitor    bool // is killed before
	}{
		{"killed while containers are paused", "pause", syscall.SIGKILL, false},
		{"killed while containers are gone", "remove", syscall.SIGKILL, false},
		{"stopped while containers are down", "kill", syscall.SIGSTOP, false},
		{"killed after its first janitor was", "pause", syscall.SIGKILL, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			y := newYard(t)
			y.start(t, "echo-1", "echo", "1", nil)
			y.start(t, "echo-2", "echo", "2", nil)
			folder := t.TempDir()
			cmd, out := runChild(t, y, t.TempDir(), tt.kind, childGuard+"="+folder)
			mustBegin(t, out)
			if tt.janitor {
				y.replaceJanitor(t, filepath.Join(folder, "janitor.jsonl"))
			}
			ended := time.Now()
			if err := cmd.Process.Signal(tt.end); err != nil {
				t.Fatal(err)
			}
			y.mustAnswer(t, "echo-1")
			y.mustAnswer(t, "echo-2")
			t.Logf("healthy %s after Gauntlet was %s", time.Since(ended), tt.name)
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // killed: an error is what must come
			waitFor(t, "no janitor is left", func() bool { return len(y.janitors(t)) == 0 })
			text, err := os.ReadFile(filepath.Join(folder, "janitor.jsonl"))
			if err != nil || !strings.Contains(string(text), `"what":"healed"`) {
				t.Errorf("janitor.jsonl = %s, %v; want what it healed", text, err)
			}
			t.Logf("%s", text)
		})
	}
}

// replaceJanitor kills the janitor and waits until there is another one, which knows what is open.
func (y *yard) replaceJanitor(t *testing.T, record string) {
	t.Helper()
	var first string
	waitFor(t, "a janitor", func() bool {
		ids := y.janitors(t)
		if len(ids) == 1 {
			first = ids[0]
		}
		return first != ""
	})
	if err := y.cli.ContainerKill(t.Context(), first, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "another janitor, which was told", func() bool {
		text, err := os.ReadFile(record)
		_, second, _ := strings.Cut(string(text), `"what":"begun"`)
		_, second, again := strings.Cut(second, `"what":"begun"`)
		return err == nil && again && strings.Contains(second, `"what":"told","open":1`)
	})
}

func TestJanitorGoesWhenAllIsWell(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.start(t, "echo", "echo", "1", nil)
	rt := y.runtime(t, y.withAgents())
	began := time.Now()
	g, err := janitor.Start(t.Context(), rt, janitor.Options{Command: []string{"/member", "janitor"}, Folder: filepath.Join(t.TempDir(), "nowhere")})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a janitor is there after %s", time.Since(began))
	if err := g.Record(chaos.JournalLine{Intent: &chaos.Intent{ID: "x"}}); err != nil {
		t.Error(err)
	}
	if err := g.Record(chaos.JournalLine{Done: "x"}); err != nil {
		t.Error(err)
	}
	if ids := y.janitors(t); len(ids) != 1 {
		t.Errorf("janitors = %v, want one", ids)
	}
	if all, err := rt.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("List = %v, %v; want the janitor not to be in it", all, err)
	}
	if err := g.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if ids := y.janitors(t); len(ids) > 0 {
		t.Errorf("janitors after Close = %v, want none", ids)
	}
}

func TestNoJanitorElsewhere(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	o := y.withAgents()
	o.Image = ""
	rt := y.runtime(t, o)
	if _, err := janitor.Start(t.Context(), rt, janitor.Options{Command: []string{"/member", "janitor"}}); !errors.Is(err, chaos.ErrUnsupported) {
		t.Errorf("Start without an image = %v, want %v", err, chaos.ErrUnsupported)
	}
}
