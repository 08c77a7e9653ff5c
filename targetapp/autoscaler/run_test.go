package autoscaler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// fakeHands is a project in memory.
type fakeHands struct {
	on     []Container
	broken error
	did    []string
}

func (f *fakeHands) List(context.Context) ([]Container, error) { return slices.Clone(f.on), f.broken }

func (f *fakeHands) Make(_ context.Context, like Container, number int, address string) (Container, error) {
	c := like
	c.Name, c.Number, c.Made, c.IP, c.State, c.Created = fmt.Sprintf("%s-%d", like.Service, number), number, true, address, "running", time.Now()
	c.ID = c.Name
	f.on, f.did = append(f.on, c), append(f.did, "make "+c.Name)
	time.Sleep(300 * time.Millisecond) // as an engine takes
	return c, nil
}

func (f *fakeHands) Remove(_ context.Context, c Container, _ time.Duration) error {
	if !c.Made {
		return ErrForeign
	}
	f.on = slices.DeleteFunc(f.on, func(o Container) bool { return o.ID == c.ID })
	f.did = append(f.did, "remove "+c.Name)
	return nil
}

func twoWorkers() *fakeHands {
	return &fakeHands{on: []Container{
		{ID: "w1", Name: "worker1", Service: "worker1", Tier: "worker", Number: 1, State: "running"},
		{ID: "w2", Name: "worker2", Service: "worker2", Tier: "worker", Number: 1, State: "running"},
		{ID: "x", Name: "web1", Service: "web1", Tier: "web", Number: 1, State: "running"},
	}}
}

// test starts an autoscaler of the rule whose measure is *jobs; negative: it can't be read.
func testAutoscaler(f *fakeHands, jobs *float64, log io.Writer) *autoscaler {
	a := newAutoscaler(Rules{Every: time.Second, Rules: []Rule{workers}}, f, slog.New(slog.NewJSONHandler(log, nil)))
	a.ready = func(context.Context, Container) error { return nil }
	a.measure = func(context.Context, Rule, []Container) (float64, error) {
		if *jobs < 0 {
			return 0, errors.New("no answer")
		}
		return *jobs, nil
	}
	return a
}

func TestBacklogBringsWorkersAndTheyGoAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, jobs, log := twoWorkers(), 1500.0, &strings.Builder{}
		a := testAutoscaler(f, &jobs, log)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go a.loop(ctx)
		time.Sleep(10 * time.Second)
		check := func(when string, want ...string) {
			t.Helper()
			if synctest.Wait(); !slices.Equal(f.did, want) {
				t.Fatalf("%s: did %v, want %v", when, f.did, want)
			}
		}
		check("1,500 jobs", "make worker1-2", "make worker1-3")
		time.Sleep(30 * time.Second)
		check("still too many", "make worker1-2", "make worker1-3", "make worker1-4", "make worker1-5")
		jobs = 500
		time.Sleep(5 * time.Minute)
		check("neither many nor few", "make worker1-2", "make worker1-3", "make worker1-4", "make worker1-5")
		jobs = -1
		time.Sleep(5 * time.Minute)
		check("nobody knows", "make worker1-2", "make worker1-3", "make worker1-4", "make worker1-5")
		jobs, f.did = 0, nil
		time.Sleep(20 * time.Second)
		check("few", "remove worker1-5")
		time.Sleep(10 * time.Minute)
		check("all its own are gone", "remove worker1-5", "remove worker1-4", "remove worker1-3", "remove worker1-2")
		if out, in := testutil.ToFloat64(a.counts.actions.WithLabelValues("worker", "out", "done")), testutil.ToFloat64(a.counts.actions.WithLabelValues("worker", "in", "done")); out != 2 || in != 4 {
			t.Errorf("counted %g out and %g in, want 2 and 4", out, in)
		}
		if got := testutil.ToFloat64(a.counts.replicas.WithLabelValues("worker")); got != 2 {
			t.Errorf("replicas = %g, want 2", got)
		}
		if n := strings.Count(log.String(), `"msg":"decision"`); n < 6 || n > 40 {
			t.Errorf("%d decisions are logged in 20 minutes, want those that matter:\n%s", n, log)
		}
	})
}

// A new autoscaler finds what the one before made, and clears away what it was in the middle of.
func TestAnotherAutoscalerGoesOn(t *testing.T) {
	f, jobs := twoWorkers(), 0.0
	made := Container{Service: "worker1", Tier: "worker", Made: true, Ready: "http 8080 /ready"}
	for i, state := range []string{"running", "created", "exited"} {
		c := made
		c.ID, c.Number, c.State = fmt.Sprint("m", i), i+2, state
		c.Name = fmt.Sprintf("worker1-%d", c.Number)
		f.on = append(f.on, c)
	}
	a := testAutoscaler(f, &jobs, io.Discard)
	for range 3 {
		if err := a.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.last["worker"] = time.Time{} // the time for another action has come
	}
	if want := []string{"remove worker1-3", "remove worker1-4", "remove worker1-2"}; !slices.Equal(f.did, want) {
		t.Errorf("did %v, want %v", f.did, want)
	}
}

func TestOneThatDoesNotBecomeReadyIsRemoved(t *testing.T) {
	f, jobs := twoWorkers(), 5000.0
	a := testAutoscaler(f, &jobs, io.Discard)
	a.ready = func(context.Context, Container) error { return errNotReady }
	if err := a.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"make worker1-2", "remove worker1-2"}; !slices.Equal(f.did, want) {
		t.Errorf("did %v, want %v: no second try in the same action", f.did, want)
	}
	if got := testutil.ToFloat64(a.counts.actions.WithLabelValues("worker", "out", "failed")); got != 1 {
		t.Errorf("counted %g failures, want 1", got)
	}
}

func TestOnlyOneTierAtATime(t *testing.T) {
	f, jobs := twoWorkers(), 5000.0
	a := testAutoscaler(f, &jobs, io.Discard)
	other := workers
	other.Tier = "web"
	a.rules.Rules = append(a.rules.Rules, other)
	for range 2 {
		before := len(f.did)
		if err := a.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := f.did[before:]; len(got) != 2 || strings.Contains(got[0], "web") != strings.Contains(got[1], "web") {
			t.Errorf("one look did %v, want one tier's two", got)
		}
	}
}

func TestEngineThatDoesNotAnswer(t *testing.T) {
	f, jobs := twoWorkers(), 5000.0
	f.broken = errors.New("no socket")
	a := testAutoscaler(f, &jobs, io.Discard)
	if err := a.look(t.Context()); err == nil || a.seeing.Load() || len(f.did) > 0 {
		t.Errorf("look = %v, ready %v, did %v", err, a.seeing.Load(), f.did)
	}
}

func TestShareOfProcessors(t *testing.T) {
	at := time.Unix(100, 0)
	before := cpuTime{Seconds: 10, Cores: 2, at: at}
	for _, c := range []struct {
		now  cpuTime
		last cpuTime
		want float64
		ok   bool
	}{
		{cpuTime{12, 2, at.Add(2 * time.Second)}, before, 0.5, true},
		{cpuTime{30, 2, at.Add(2 * time.Second)}, before, 1, true},
		{cpuTime{1, 2, at.Add(2 * time.Second)}, before, 0, false}, // it started anew
		{cpuTime{12, 2, at}, before, 0, false},
		{cpuTime{12, 2, at}, cpuTime{}, 0, false},
	} {
		if got, ok := c.now.since(c.last); got != c.want || ok != c.ok {
			t.Errorf("%+v since %+v = %g, %v, want %g, %v", c.now, c.last, got, ok, c.want, c.ok)
		}
	}
}
