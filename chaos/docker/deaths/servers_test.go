package deaths

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/jackc/pgx/v5"
)

// TestServersAndEveryDeath does to the faults that act on a server's state what TestEveryKindAndEveryDeath does to the others, on a
// topology of ours with a real database. That an agent's death alone ends them is also tested where they are made.
func TestServersAndEveryDeath(t *testing.T) {
	engine(t)
	if !*long {
		t.Skip("without -long: not tested: that locks and taken connections outlive nobody")
	}
	y := newRung(t, "split")
	for _, tr := range []trial{
		{kind: "lock", args: []string{"--table", "posts"}, felt: feedHangs},
		{kind: "exhaust", felt: noConnection},
	} {
		for _, d := range []death{gauntlet, agents, janitor, restart} {
			t.Run(tr.kind+"/"+string(d), func(t *testing.T) { y.try(t, tr, "db1", d) })
		}
	}
}

// TestSlowReplayAndEveryDeath does the same on a replica under Patroni, which resumes a paused replay by itself: the process that
// replays is stopped, and must go on.
func TestSlowReplayAndEveryDeath(t *testing.T) {
	engine(t)
	if !*long {
		t.Skip("without -long: not tested: that a replica whose replay is held back outlives nobody")
	}
	y := newRung(t, "replicated")
	tr := trial{kind: "slow-replay", args: []string{"--delay", "30s"}, felt: replayLags}
	for _, d := range []death{nobody, gauntlet, hangs, agents, janitor, restart} {
		t.Run(string(d), func(t *testing.T) {
			_, replicas, err := servers(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			y.try(t, tr, replicas[0], d)
		})
	}
}

// rung is a topology of ours, of which the database is disturbed.
type rung struct{ *yard }

func newRung(t *testing.T, topology string) rung {
	t.Helper()
	y := &yard{cli: engine(t), project: "gauntlet-" + topology, state: t.TempDir()}
	var err error
	if y.exe, err = executable(); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		cmd := exec.Command(y.exe, args...)
		cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+y.state)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("gauntlet %v: %v\n%s", args, err, out)
		}
	}
	run("up", topology)
	t.Cleanup(func() { run("down", topology) })
	return rung{y}
}

func (r rung) try(t *testing.T, tr trial, on string, d death) {
	calm := func() time.Duration {
		return await(t, "all is as before", func(ctx context.Context) error {
			if felt, err := tr.felt(ctx, r.yard); err != nil || felt {
				return fmt.Errorf("%s is felt: %v (%v)", tr.kind, felt, err)
			}
			return nil
		})
	}
	calm()
	i := r.inject(t, tr.on(on))
	i.begun(t)
	r.feels(t, tr, true)
	switch d {
	case nobody:
		i.interrupt(t)
	case gauntlet:
		_ = i.cmd.Process.Kill()
	case hangs:
		_ = i.cmd.Process.Signal(syscall.SIGSTOP)
	case agents:
		r.kill(t, "agent")
	case janitor:
		r.kill(t, "janitor")
		r.feels(t, tr, true)
		i.interrupt(t)
	case restart:
		r.restart(t, on)
		r.feels(t, tr, true)
		i.interrupt(t)
	}
	t.Logf("as before after %s", calm().Round(10*time.Millisecond))
	_ = i.cmd.Process.Signal(syscall.SIGCONT)
	i.interrupt(t)
	r.nothingLeft(t)
	calm()
}

// restart ends the service's container by its process and lets it start again.
func (r rung) restart(t *testing.T, service string) {
	t.Helper()
	all, err := r.cli.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(
		filters.Arg("label", "com.docker.compose.project="+r.project), filters.Arg("label", "com.docker.compose.service="+service))})
	if err != nil || len(all) != 1 {
		t.Fatalf("containers of %s: %d, %v", service, len(all), err)
	}
	at := 1
	if err := r.cli.ContainerRestart(t.Context(), all[0].ID, container.StopOptions{Timeout: &at}); err != nil {
		t.Fatal(err)
	}
}

// feedHangs: what reads the posts gets no answer in time.
func feedHangs(ctx context.Context, _ *yard) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 700*time.Millisecond)
	defer cancel()
	conn, err := connect(ctx, "18031")
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var n int
	err = conn.QueryRow(ctx, "select count(*) from posts").Scan(&n)
	if err != nil && ctx.Err() == nil {
		return false, err
	}
	return err != nil, nil
}

// noConnection: the server has no connection to give.
func noConnection(ctx context.Context, _ *yard) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := connect(ctx, "18031")
	if err == nil {
		return false, conn.Close(ctx)
	}
	if strings.Contains(err.Error(), "53300") || strings.Contains(err.Error(), "too many clients") {
		return true, nil
	}
	return false, err
}

// replayLags: what is written now has not been replayed 1.5 s later by a replica of the topology replicated.
func replayLags(ctx context.Context, _ *yard) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	primary, replicas, err := servers(ctx)
	if err != nil {
		return false, err
	}
	var lsn string
	if err := ask(ctx, primary, "select pg_logical_emit_message(true, 'deaths', '')::text", &lsn); err != nil {
		return false, err
	}
	for deadline := time.Now().Add(1500 * time.Millisecond); ; time.Sleep(50 * time.Millisecond) {
		late := false
		for _, r := range replicas {
			var there bool
			if err := ask(ctx, r, "select coalesce(pg_last_wal_replay_lsn() > '"+lsn+"', false)", &there); err != nil {
				return false, err
			}
			late = late || !there
		}
		if !late || time.Now().After(deadline) {
			return late, nil
		}
	}
}

// servers are the services of the topology replicated that are a primary and replicas now.
func servers(ctx context.Context) (primary string, replicas []string, err error) {
	for _, service := range []string{"db1", "db2", "db3"} {
		var recovers bool
		if err := ask(ctx, service, "select pg_is_in_recovery()", &recovers); err != nil {
			return "", nil, err
		}
		if recovers {
			replicas = append(replicas, service)
			continue
		}
		primary = service
	}
	if primary == "" || len(replicas) != 2 {
		return "", nil, fmt.Errorf("primary %q, replicas %q", primary, replicas)
	}
	return primary, replicas, nil
}

// ask asks a database of the topology replicated for one value.
func ask(ctx context.Context, service, sql string, into any) error {
	conn, err := connect(ctx, "1803"+strings.TrimPrefix(service, "db"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return conn.QueryRow(ctx, sql).Scan(into)
}

// connect asks a database of ours, as published.
func connect(ctx context.Context, port string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, "postgres://postgres@127.0.0.1:"+port+"/app?sslmode=disable")
}
