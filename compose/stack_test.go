package compose

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestReplicatedComesUpWholeAndGoesDownClean(t *testing.T) {
	e := needsDocker(t)
	top := topology(t, "replicated")
	opt := testOptions(t)
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()

	if err := e.Build(ctx, top, opt.Log); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := e.Build(ctx, top, func(line string) { t.Errorf("a second build does something: %s", line) }); err != nil {
		t.Fatal(err)
	}
	t.Logf("a build with nothing to do took %.1f s", time.Since(began).Seconds())

	began = time.Now()
	s, err := e.Up(ctx, top, opt)
	if err != nil {
		t.Fatal(err)
	}
	takeDown(t, s)
	t.Logf("started after %.1f s", time.Since(began).Seconds())
	checkImpatience(t, s)
	waitReady(t, s)
	t.Logf("ready after %.1f s", time.Since(began).Seconds())

	on, err := s.Inventory(ctx)
	if err != nil {
		t.Fatal(err)
	}
	checkInventory(t, top, on)
	checkEntry(t, on)
	checkNoPortIsLeft(t, e, top)
	checkLogs(t, s, on)
	if _, err := e.Up(ctx, top, opt); !errors.Is(err, ErrBusy) {
		t.Errorf("starting what is in use: %v, want ErrBusy", err)
	}

	began = time.Now()
	if err := s.Down(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("down after %.1f s", time.Since(began).Seconds())
	if left, err := s.left(ctx); err != nil || len(left) > 0 {
		t.Errorf("left behind: %s, %v", brief(left), err)
	}
	if err := s.Down(ctx); err != nil {
		t.Errorf("taking down what is gone: %v", err)
	}
}

// Whoever is interrupted while a topology starts must find nothing of it afterwards.
func TestUpThatIsCutOffLeavesNothing(t *testing.T) {
	e := needsDocker(t)
	top := topology(t, "replicated-async")
	opt := testOptions(t)
	if err := e.Build(t.Context(), top, opt.Log); err != nil {
		t.Fatal(err)
	}
	begun := &Stack{Project: opt.Project, Topology: top, engine: e}
	takeDown(t, begun)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if on, err := begun.containers(ctx); err != nil || len(on) > 0 {
				cancel(errors.New("cut off by the test"))
			}
		}
	})
	_, err := e.Up(ctx, top, opt)
	wg.Wait()
	if err == nil || errors.Is(err, ErrLeft) || !strings.Contains(err.Error(), "cut off by the test") {
		t.Errorf("error %v, want the cause and nothing left behind", err)
	}
	time.Sleep(2 * time.Second) // what the engine was still about to do, it has done by now
	if left, err := begun.left(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %s, %v", brief(left), err)
	}
}

func TestUpNamesEveryPortInUse(t *testing.T) {
	e := needsDocker(t)
	top := topology(t, "replicated")
	for _, port := range []int{testPorts + 80, testPorts + 31} {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	_, err := e.Up(t.Context(), top, testOptions(t))
	if !errors.Is(err, ErrPort) {
		t.Fatalf("error %v, want ErrPort", err)
	}
	for _, want := range []string{":21080 is in use", ":21031 is in use", "--port-base"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not say %q:\n%v", want, err)
		}
	}
}

func topology(t *testing.T, name string) Topology {
	t.Helper()
	top, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return top
}

func waitReady(t *testing.T, s *Stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	last := ""
	err := s.WaitReady(ctx, func(ready, total int, waiting string) {
		if waiting != last {
			t.Logf("%d of %d ready, waiting for %s", ready, total, waiting)
		}
		last = waiting
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkImpatience gives up too early: the error must say which container was not ready, and why.
func checkImpatience(t *testing.T, s *Stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	err := s.WaitReady(ctx, func(int, int, string) {})
	if !errors.Is(err, ErrNotReady) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "db") {
		t.Errorf("giving up after 3 s: %v, want ErrNotReady that names a container", err)
	}
}

func checkInventory(t *testing.T, top Topology, on []Container) {
	t.Helper()
	var names []string
	for _, c := range on {
		names = append(names, c.Name)
		if c.State != "running" || c.Tier == "" || c.Region == "" || c.IP == "" || c.Probe == "" {
			t.Errorf("%s is incomplete: %+v", c.Name, c)
		}
		for port, addr := range c.Ports {
			if !strings.HasPrefix(addr, "127.0.0.1:") {
				t.Errorf("%s: port %d is published on %s", c.Name, port, addr)
			}
		}
	}
	want := slices.DeleteFunc(slices.Clone(top.Services), func(s string) bool { return s == "seed" })
	if !slices.Equal(names, want) {
		t.Errorf("containers %v, want %v", names, want)
	}
}

// checkEntry asks for what clients ask for, through the load balancer.
func checkEntry(t *testing.T, on []Container) {
	t.Helper()
	lb := on[slices.IndexFunc(on, func(c Container) bool { return c.Service == "lb" })]
	resp, err := http.Get("http://" + lb.Ports[80] + "/feed")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("GET /feed through the load balancer: %s", resp.Status)
	}
}

// checkNoPortIsLeft starts a second stack on the same ports, which must be refused before anything is started.
func checkNoPortIsLeft(t *testing.T, e *Engine, top Topology) {
	t.Helper()
	other := testOptions(t)
	other.Project += "-other"
	if _, err := e.Up(t.Context(), top, other); !errors.Is(err, ErrPort) {
		t.Errorf("second stack on the same ports: %v, want ErrPort", err)
	}
	s := &Stack{Project: other.Project, Topology: top, engine: e}
	if left, err := s.left(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("the refused stack left %s, %v", brief(left), err)
	}
}

func checkLogs(t *testing.T, s *Stack, on []Container) {
	t.Helper()
	dir := t.TempDir()
	if cut, err := s.Collect(t.Context(), dir); err != nil || len(cut) > 0 {
		t.Fatalf("cut %v, %v", cut, err)
	}
	for _, c := range on {
		name := c.Name + ".log"
		if c.Tier == "web" {
			name = c.Name + ".jsonl"
		}
		if info, err := os.Stat(filepath.Join(dir, LogFolder, name)); err != nil || info.Size() == 0 {
			t.Errorf("log of %s: %v, %v; want some text", c.Name, info, err)
		}
	}
}
