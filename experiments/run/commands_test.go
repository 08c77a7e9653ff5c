package run

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/experiments/history"
	"gauntlet/experiments/spec"
)

// bench is a runtime with containers in which commands run.
type bench struct {
	chaos.Runtime
	said string
	code int
	err  error
	slow bool
	ran  []string
}

func (b *bench) List(context.Context) ([]chaos.Container, error) {
	return []chaos.Container{{ID: "1", Name: "web1", Tier: "web", State: chaos.Running}, {ID: "2", Name: "web2", Tier: "web", State: chaos.Running}}, nil
}

func (b *bench) Exec(ctx context.Context, id string, cmd []string) (string, int, error) {
	b.ran = append(b.ran, id+" "+strings.Join(cmd, " "))
	if b.slow {
		<-ctx.Done()
	}
	return b.said, b.code, b.err
}

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		name string
		b    bench
		on   chaos.Selector
		want string // in the error; "" is none
	}{
		{"succeeds", bench{said: "done"}, chaos.Selector{Container: "web1"}, ""},
		{"fails", bench{said: "oops", code: 1}, chaos.Selector{Container: "web1"}, "exit code 1"},
		{"is not run", bench{err: errors.New("paused")}, chaos.Selector{Container: "web1"}, "paused"},
		{"does not end", bench{slow: true}, chaos.Selector{Container: "web1"}, "had not ended"},
		{"in two", bench{}, chaos.Selector{Tier: "web"}, "2 containers, want one"},
		{"in none", bench{}, chaos.Selector{Tier: "db"}, "no"},
	} {
		r, rec := recording(t)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		said, err := r.command(ctx, rec, &c.b, spec.Command{On: c.on, Run: []string{"reshard", "--to", "6"}})
		cancel()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || said != c.b.said {
			t.Errorf("%s: said %q, %v; want an error with %q", c.name, said, err, c.want)
		}
		if c.want == "" && (len(c.b.ran) != 1 || c.b.ran[0] != "1 reshard --to 6") {
			t.Errorf("%s: ran %q", c.name, c.b.ran)
		}
	}
}

func TestLastLines(t *testing.T) {
	if got := lastLines("a\nb\nc\n", 2) + lastLines("", 2); got != ": b; c" {
		t.Errorf("got %q", got)
	}
}

// quiet is an observer of nothing.
type quiet struct{}

func (quiet) Say(string)    {}
func (quiet) Status(Status) {}

// recording is a run with an open recording.
func recording(t *testing.T) (*runner, *recorder) {
	t.Helper()
	origin := time.Now()
	w, err := history.Create(filepath.Join(t.TempDir(), "run"), history.Header{Version: history.Version, Experiment: "e", Topology: "t", Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close(history.End{}) })
	return &runner{origin: origin, opt: Options{Observer: quiet{}}}, &recorder{Writer: w, origin: origin, gauges: newGauges(), say: func(string) {}}
}
