package deaths

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
)

// death is what dies while a fault is on.
type death string

const (
	nobody   death = "nobody"   // the fault ends as asked
	gauntlet death = "gauntlet" // SIGKILL
	hangs    death = "hangs"    // SIGSTOP of Gauntlet: it lives, and renews nothing
	agents   death = "agents"   // SIGKILL
	janitor  death = "janitor"  // SIGKILL
	restart  death = "restart"  // of the target
	recreate death = "recreate" // of the target: another id, another address
)

// promise is how long after a death all is as before on a calm machine. It is printed when it is missed, and not asserted: what is
// asserted is that all is as before within patience, on whatever machine this runs.
const (
	promise  = 2 * time.Second
	patience = 90 * time.Second
)

// deaths are all of them.
var deaths = []death{nobody, gauntlet, hangs, agents, janitor, restart, recreate}

// quick are the kinds that meet each death also without -long: one of each family.
var quick = []string{"pause", "delay", "http", "io"}

// TestEveryKindAndEveryDeath: each fault is felt, is over when it must be, and nothing of Gauntlet's is left.
func TestEveryKindAndEveryDeath(t *testing.T) {
	engine(t)
	for _, tr := range trials() {
		for _, d := range deaths {
			whole := *long || slices.Contains(quick, tr.kind)
			if !whole && d != gauntlet || (tr.life || tr.byEngine) && d == agents {
				continue
			}
			t.Run(tr.kind+"/"+string(d), func(t *testing.T) {
				t.Parallel()
				places <- struct{}{}
				defer func() { <-places }()
				newYard(t).try(t, tr, d)
			})
		}
	}
}

// places bounds how many trials run at the same time.
var places = make(chan struct{}, 2)

// injection is a Gauntlet that disturbs a yard.
type injection struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	text bytes.Buffer
	done chan struct{} // closed when it has ended
}

// Write keeps what it prints.
func (i *injection) Write(p []byte) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.text.Write(p)
}

func (i *injection) printed() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.text.String()
}

func (y *yard) gauntlet(args ...string) *exec.Cmd {
	cmd := exec.Command(y.exe, append(args, "--project", y.project)...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+y.state)
	return cmd
}

// on is the trial with its target.
func (tr trial) on(target string) trial {
	tr.args = append([]string{"--on", target}, tr.args...)
	return tr
}

// inject starts a Gauntlet that disturbs somebody for longer than the test lasts.
func (y *yard) inject(t *testing.T, tr trial) *injection {
	t.Helper()
	i := &injection{done: make(chan struct{})}
	i.cmd = y.gauntlet(append([]string{"inject", tr.kind, "--for", "10m"}, tr.args...)...)
	i.cmd.Stdout, i.cmd.Stderr = i, i
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = i.cmd.Wait(); close(i.done) })
	t.Cleanup(func() {
		_ = i.cmd.Process.Kill()
		wg.Wait()
		if t.Failed() {
			t.Logf("gauntlet inject %s %v:\n%s", tr.kind, tr.args, i.printed())
		}
	})
	return i
}

// begun waits until it says when the fault took effect.
func (i *injection) begun(t *testing.T) {
	t.Helper()
	await(t, "the injection begins", func(context.Context) error {
		select {
		case <-i.done:
			t.Fatalf("it has ended before:\n%s", i.printed())
		default:
		}
		if !strings.Contains(i.printed(), ": t0 ") {
			return fmt.Errorf("so far it said %q", i.printed())
		}
		return nil
	})
}

// interrupt is Ctrl-C, and waits for the end.
func (i *injection) interrupt(t *testing.T) {
	t.Helper()
	_ = i.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-i.done:
	case <-time.After(patience):
		t.Fatalf("it does not end:\n%s", i.printed())
	}
}

// await asks until there is no error.
func await(t *testing.T, what string, is func(ctx context.Context) error) time.Duration {
	t.Helper()
	began := time.Now()
	err := fmt.Errorf("never asked")
	for time.Since(began) < patience {
		if err = is(t.Context()); err == nil {
			return time.Since(began)
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s: not within %s: %v", what, patience, err)
	return 0
}

// feels waits until a feels the fault, or no longer does.
func (y *yard) feels(t *testing.T, tr trial, want bool) {
	t.Helper()
	await(t, fmt.Sprintf("%s is felt: %v", tr.kind, want), func(ctx context.Context) error {
		got, err := tr.felt(ctx, y)
		if err == nil && got != want {
			err = fmt.Errorf("it is %v", got)
		}
		return err
	})
}

// recovers waits until all is as before, and says how long that took.
func (y *yard) recovers(t *testing.T, tr trial) time.Duration {
	t.Helper()
	return await(t, "all is as before", func(ctx context.Context) error {
		if err := well(ctx, y); err != nil {
			return err
		}
		if felt, err := tr.felt(ctx, y); err != nil || felt {
			return fmt.Errorf("%s is felt: %v (%v)", tr.kind, felt, err)
		}
		return nil
	})
}

func (y *yard) try(t *testing.T, tr trial, d death) {
	await(t, "the members answer", func(ctx context.Context) error { return well(ctx, y) })
	y.feels(t, tr, false)
	i := y.inject(t, tr.on("a"))
	i.begun(t)
	if !tr.over {
		y.feels(t, tr, true)
	}
	y.dies(t, tr, d, i)
	took := y.recovers(t, tr)
	times.add(d, tr.kind, took)
	_ = i.cmd.Process.Signal(syscall.SIGCONT)
	i.interrupt(t)
	y.nothingLeft(t)
	y.recovers(t, tr)
}

// dies lets somebody die, and, where the fault goes on all the same, says that it was felt again and ends it.
func (y *yard) dies(t *testing.T, tr trial, d death, i *injection) {
	t.Helper()
	switch d {
	case nobody:
		i.interrupt(t)
	case gauntlet:
		_ = i.cmd.Process.Kill()
	case hangs:
		_ = i.cmd.Process.Signal(syscall.SIGSTOP)
	case agents:
		y.kill(t, "agent")
	case janitor:
		y.kill(t, "janitor")
		await(t, "there is another janitor", func(ctx context.Context) error {
			if ids, err := y.helpers(ctx, "janitor"); err != nil || len(ids) != 1 {
				return fmt.Errorf("%d janitors, %w", len(ids), err)
			}
			return nil
		})
		if !tr.over {
			y.feels(t, tr, true)
		}
		i.interrupt(t)
	case restart, recreate:
		y.newLife(t, tr, d)
		if !tr.life && !tr.byEngine { // an agent's fault follows its target
			y.feels(t, tr, true)
		}
		i.interrupt(t)
	}
}

// newLife restarts the target, or makes it again.
func (y *yard) newLife(t *testing.T, tr trial, d death) {
	t.Helper()
	if d == recreate {
		if tr.kind == "remove" {
			y.start(t, "a")
			return
		}
		y.recreate(t, "a")
		return
	}
	if tr.kind == "remove" {
		return // there is nothing to restart
	}
	if tr.kind == "pause" {
		_ = y.cli.ContainerUnpause(t.Context(), y.full("a"))
	}
	at := 0
	if err := y.cli.ContainerRestart(t.Context(), y.full("a"), container.StopOptions{Timeout: &at}); err != nil {
		t.Fatal(err)
	}
}

// nothingLeft: no helper runs, and heal has nothing to do.
func (y *yard) nothingLeft(t *testing.T) {
	t.Helper()
	await(t, "Gauntlet's containers are gone", func(ctx context.Context) error {
		if ids, err := y.helpers(ctx, ""); err != nil || len(ids) > 0 {
			return fmt.Errorf("%d are left, %w", len(ids), err)
		}
		return nil
	})
	for range 2 {
		out, err := y.gauntlet("heal").CombinedOutput()
		if err != nil {
			t.Errorf("heal: %v\n%s", err, out)
		}
		if strings.Contains(string(out), "healed: ") {
			t.Errorf("heal had something to do:\n%s", out)
		}
	}
}

// TestRandomMoments: whatever dies whenever, nothing stays disturbed. The seed of each moment is printed.
func TestRandomMoments(t *testing.T) {
	engine(t)
	moments := 4
	if *long {
		moments = 200
	}
	began := uint64(time.Now().UnixNano())
	for n := range moments {
		seed := began + uint64(n)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			places <- struct{}{}
			defer func() { <-places }()
			newYard(t).random(t, rand.New(rand.NewPCG(seed, 0)))
		})
	}
}

// random lets one or two of Gauntlet, its helpers and the target die within the first 1.5 s of an injection.
func (y *yard) random(t *testing.T, rng *rand.Rand) {
	all := trials()
	tr := all[rng.IntN(len(all))]
	await(t, "the members answer", func(ctx context.Context) error { return well(ctx, y) })
	i := y.inject(t, tr.on("a"))
	for range 1 + rng.IntN(2) {
		time.Sleep(time.Duration(rng.IntN(1500)) * time.Millisecond)
		victim := []string{"gauntlet", "agent", "janitor", "target"}[rng.IntN(4)]
		t.Logf("%s: %s dies", tr.kind, victim)
		y.strike(t, victim, i)
	}
	_ = i.cmd.Process.Signal(syscall.SIGINT)
	<-i.done
	y.recovers(t, tr)
	y.settled(t)
	y.recovers(t, tr)
}

// strike kills what there is of the victim.
func (y *yard) strike(t *testing.T, victim string, i *injection) {
	switch victim {
	case "gauntlet":
		_ = i.cmd.Process.Kill()
	case "target":
		_ = y.cli.ContainerKill(t.Context(), y.full("a"), "SIGKILL")
		_ = y.cli.ContainerStart(t.Context(), y.full("a"), container.StartOptions{})
	default:
		ids, _ := y.helpers(t.Context(), victim)
		for _, id := range ids {
			_ = y.cli.ContainerKill(t.Context(), id, "SIGKILL")
		}
	}
}

// settled waits until no helper runs. A Gauntlet that was killed between making a helper and starting it leaves one that does
// nothing: heal removes it.
func (y *yard) settled(t *testing.T) {
	t.Helper()
	await(t, "none of Gauntlet's containers runs", func(ctx context.Context) error {
		if ids, err := y.helpers(ctx, "", "running", "paused", "exited"); err != nil || len(ids) > 0 {
			return fmt.Errorf("%d do, %w", len(ids), err)
		}
		return nil
	})
	if ids, err := y.helpers(t.Context(), ""); err == nil && len(ids) == 0 {
		return
	}
	t.Log("a helper was made and never started")
	await(t, "heal removes it", func(ctx context.Context) error {
		out, err := y.gauntlet("heal").CombinedOutput()
		if err != nil {
			return fmt.Errorf("heal: %w\n%s", err, out)
		}
		if ids, err := y.helpers(ctx, ""); err != nil || len(ids) > 0 {
			return fmt.Errorf("%d are left, %w", len(ids), err)
		}
		return nil
	})
}
