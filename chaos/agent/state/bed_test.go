package state_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/state"
	"gauntlet/chaos/agent/state/statetest"
	"gauntlet/compose"
)

const patience = 2 * time.Minute // a bound, for busy machines; a RabbitMQ alone takes 10 s to start

// postgresImage is built as for the topologies, unless it is there.
func postgresImage(t testing.TB) string {
	t.Helper()
	statetest.NeedDocker(t)
	e, err := compose.Check(t.Context())
	if err != nil {
		t.Fatalf("%v\n(GAUNTLET_DOCKER=off leaves out the tests that need Docker)", err)
	}
	if err := e.Build(t.Context(), compose.Topology{Targets: []string{"postgres"}}, func(line string) { t.Log(line) }); err != nil {
		t.Fatal(err)
	}
	return "gauntlet/postgres:latest"
}

// pg is a client of one server, as an app would be.
type pg struct{ port uint16 }

// dial makes a connection; the caller closes it.
func (p pg) dial(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return pgx.Connect(ctx, fmt.Sprintf("postgres://app:app@127.0.0.1:%d/app?sslmode=disable", p.port))
}

// exec runs statements on a connection of their own.
func (p pg) exec(ctx context.Context, sql string) error {
	conn, err := p.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err = conn.Exec(ctx, sql)
	return err
}

// number asks for one number.
func (p pg) number(ctx context.Context, sql string) (n int64, err error) {
	conn, err := p.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err = conn.QueryRow(ctx, sql).Scan(&n)
	return n, err
}

// worker is a Worker that is closed with the test.
func worker(t testing.TB) *state.Worker {
	t.Helper()
	w := state.New()
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// apply applies a change and returns the proof, which must contain the words.
func apply(t *testing.T, w *state.Worker, id string, op chaos.Op, words ...string) {
	t.Helper()
	proof, err := w.Apply(t.Context(), id, op)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(proof)
	for _, want := range words {
		if !strings.Contains(proof, want) {
			t.Errorf("proof %q does not say %q", proof, want)
		}
	}
	if err := w.Check(t.Context(), id); err != nil {
		t.Errorf("check right after apply: %v", err)
	}
}

func clear(t *testing.T, w *state.Worker, id string, op chaos.Op) {
	t.Helper()
	for range 2 {
		if err := w.Clear(t.Context(), id, op); err != nil {
			t.Fatalf("clear: %v", err)
		}
	}
}

func change(s chaos.StateChange) chaos.Op { return chaos.Op{Verb: chaos.VerbState, State: &s} }

// killedAgent applies a change in another process and kills that.
func killedAgent(t *testing.T, id string, op chaos.Op, meanwhile func()) {
	t.Helper()
	text, err := json.Marshal(held{id, op})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), holdEnv+"="+string(text))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasSuffix(line, "<nil>\n") {
		rest, _ := io.ReadAll(out)
		t.Fatalf("the agent said %q, %v %s", line, err, rest)
	}
	meanwhile()
}
