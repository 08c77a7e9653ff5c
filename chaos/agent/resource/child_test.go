//go:build linux

package resource

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// startTarget is a process that lives until the test ends or kills it.
func startTarget(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", ChildVerb, "hold", "1", strconv.Itoa(os.Getpid()))
	in, err := cmd.StdinPipe() // waits for a word that never comes
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func TestChildEnds(t *testing.T) {
	for _, work := range []string{"burn", "hold", "pile"} {
		for _, how := range []string{"worker lets go", "target ends", "context ends"} {
			t.Run(work+", "+how, func(t *testing.T) {
				target := startTarget(t)
				in, stdin, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				out, words := io.Pipe()
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				time.AfterFunc(0, func() {
					err := Child(ctx, []string{work, "1", strconv.Itoa(target.Process.Pid)}, in, words)
					_ = words.CloseWithError(err)
					ended <- err
				})
				said := bufio.NewReader(out)
				for _, want := range []string{"ready\n", "holding\n"} {
					if got, err := said.ReadString('\n'); got != want {
						t.Fatalf("child said %q, %v; want %q", got, err, want)
					}
					_, _ = io.WriteString(stdin, map[string]string{"ready\n": "go\n"}[want])
				}
				switch how {
				case "worker lets go":
					_ = stdin.Close()
				case "target ends":
					_ = target.Process.Kill()
				case "context ends":
					stop()
				}
				select {
				case err := <-ended:
					if err != nil && !errors.Is(err, context.Canceled) {
						t.Errorf("Child = %v", err)
					}
				case <-time.After(patience):
					t.Fatal("the child did not end")
				}
				stop()
				_ = stdin.Close()
				_ = in.Close()
			})
		}
	}
}

func TestChildRefuses(t *testing.T) {
	me := strconv.Itoa(os.Getpid())
	for _, args := range [][]string{nil, {"burn"}, {"dance", "1", me}, {"burn", "x", me}, {"burn", "-1", me}, {"burn", "NaN", me}, {"hold", "1", "x"}, {"hold", "1", "0"}, {"hold", "1", "2147483647"}} {
		if err := Child(t.Context(), args, os.Stdin, io.Discard); err == nil {
			t.Errorf("Child(%q) = nil, want an error", args)
		}
	}
}

// TestSpawn has a worker use children in a tree that looks like a host's.
func TestSpawn(t *testing.T) {
	target := startTarget(t)
	pid := strconv.Itoa(target.Process.Pid)
	procs := dir2 + "/inside/cgroup.procs"
	w := New(id, target.Process.Pid)
	w.root = tree(t, map[string]string{"proc/" + pid + "/cgroup": v2, procs: ""})
	g, err := findCgroup(w.root, w.pid, id)
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.spawn(t.Context(), g, "burn", 0.01, "cpu")
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, w.root, procs); got != strconv.Itoa(c.cmd.Process.Pid) {
		t.Errorf("cgroup.procs has %q, want the child's PID %d", got, c.cmd.Process.Pid)
	}
	if err := c.begin(t.Context()); err != nil {
		t.Errorf("begin = %v", err)
	}
	_ = target.Process.Kill()
	select {
	case <-c.over.Done():
	case <-time.After(patience):
		t.Error("the child outlives the target")
	}
	if err := c.check(); !errors.Is(err, errEnded) {
		t.Errorf("check = %v, want %v", err, errEnded)
	}
	if !c.endedInPeace() {
		t.Errorf("the child ended with %v", c.cmd.ProcessState)
	}
	if err := errors.Join(c.clear(), c.clear()); err != nil {
		t.Errorf("clear = %v", err)
	}
	_ = target.Wait() // killed: an error is what must come
	if _, err := w.spawn(t.Context(), g, "burn", 1, "cpu"); err == nil || !strings.Contains(err.Error(), "PID") {
		t.Errorf("spawn on a target that is gone = %v, want the child's words", err)
	}
}

func TestSpawnGivesUpInTime(t *testing.T) {
	target := startTarget(t)
	w := New(id, target.Process.Pid)
	w.root = tree(t, map[string]string{"proc/" + strconv.Itoa(target.Process.Pid) + "/cgroup": v2, dir2 + "/inside/cgroup.procs": ""})
	g, err := findCgroup(w.root, w.pid, id)
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.spawn(t.Context(), g, "burn", 0.01, "cpu")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := c.expect(ctx, "a word that never comes"); !errors.Is(err, context.Canceled) {
		t.Errorf("expect = %v, want %v", err, context.Canceled)
	}
	if err := c.clear(); err != nil {
		t.Errorf("clear = %v", err)
	}
	if text := bytes.TrimSpace(c.errors.Bytes()); len(text) > 0 {
		t.Errorf("the child complained: %s", text)
	}
}
