package regions

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gauntlet/cmd/exclusive"
)

var long = flag.Bool("long", false, "start the topology with two regions")

const (
	cutFor    = 25 * time.Second // how long region a is cut off
	backLimit = 90 * time.Second // for region a to follow region b after that
	writeTime = 500 * time.Millisecond
	pause     = 10 * time.Millisecond // between two writes to one database
)

// database is one of the four, where it is published.
type database struct{ name, region, port string }

var databases = []database{{"db1", "a", "18031"}, {"db2", "a", "18032"}, {"db3", "b", "18033"}, {"db4", "b", "18037"}}

func (d database) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	return pgx.Connect(ctx, "postgres://postgres@127.0.0.1:"+d.port+"/app?sslmode=disable")
}

// ack is a write that a database has acknowledged.
type ack struct {
	database
	sent, acked time.Duration // from the beginning of the test
}

// write writes to one database, on and on, until ctx ends, and tells what was acknowledged. The clients come from outside of the
// topology's network: no partition stands between them and a database. They are clients inside each region.
func (d database) write(ctx context.Context, origin time.Time, tell func(ack)) {
	var c *pgx.Conn
	for ctx.Err() == nil {
		if c == nil {
			var err error
			if c, err = d.connect(ctx); err != nil {
				time.Sleep(pause)
				continue
			}
		}
		sent := time.Since(origin)
		one, cancel := context.WithTimeout(ctx, writeTime)
		_, err := c.Exec(one, "insert into dual (node) values ($1)", d.name)
		cancel()
		if err == nil {
			tell(ack{d, sent, time.Since(origin)})
		} else if c.IsClosed() {
			c = nil
		}
		time.Sleep(pause)
	}
	if c != nil {
		c.Close(context.WithoutCancel(ctx))
	}
}

// acks are those of all writers, by region.
type acks struct {
	mu  sync.Mutex
	all []ack
}

func (a *acks) tell(one ack) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, one)
}

// bounds are when region a acknowledged last, after a moment, and when the first write was sent that region b acknowledged; ok is false
// if b never did.
func (a *acks) bounds() (lastOfA, firstOfB time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range a.all {
		if k.region == "a" {
			lastOfA = max(lastOfA, k.acked)
		} else if !ok || k.sent < firstOfB {
			firstOfB, ok = k.sent, true
		}
	}
	return lastOfA, firstOfB, ok
}

// gauntlet runs the command that a user would.
type gauntlet struct{ exe, state string }

func build(t *testing.T) gauntlet {
	t.Helper()
	if !*long || os.Getenv("GAUNTLET_DOCKER") == "off" {
		t.Skip("without -long, or GAUNTLET_DOCKER=off: not tested: that two regions never write at the same time")
	}
	exclusive.Alone(t, 20*time.Minute)
	exclusive.Turn(t)
	g := gauntlet{filepath.Join(t.TempDir(), "gauntlet"), t.TempDir()}
	cmd := exec.Command("go", "build", "-trimpath", "-o", g.exe, "gauntlet/cmd/gauntlet")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return g
}

func (g gauntlet) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, g.exe, args...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+g.state)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (g gauntlet) up(t *testing.T, topology string) {
	t.Helper()
	t.Cleanup(func() {
		if out, err := g.run(context.WithoutCancel(t.Context()), "down", topology); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
	})
	out, err := g.run(t.Context(), "up", topology)
	if err != nil {
		t.Fatalf("up: %v\n%s", err, out)
	}
	t.Log(lastLines(out))
	must(t, databases[0], "create table dual (id bigserial primary key, node text, at timestamptz default now())")
}

func lastLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "\n")
}

// must runs a statement on one database, again while it is not reached.
func must(t *testing.T, d database, sql string, into ...any) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = d.ask(t.Context(), sql, into...); err == nil {
			return
		}
	}
	t.Fatalf("%s: %s: %v", d.name, sql, err)
}

func (d database) ask(ctx context.Context, sql string, into ...any) error {
	c, err := d.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if len(into) == 0 {
		_, err = c.Exec(ctx, sql)
		return err
	}
	return c.QueryRow(ctx, sql).Scan(into...)
}

// cutOff cuts region a off while clients write inside each region, and returns what was acknowledged.
func (g gauntlet) cutOff(t *testing.T, topology string) *acks {
	t.Helper()
	origin, got := time.Now(), &acks{}
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for _, d := range databases {
		writers.Go(func() { d.write(ctx, origin, got.tell) })
	}
	time.Sleep(3 * time.Second)
	if _, _, ok := got.bounds(); ok {
		t.Error("region b acknowledged a write before anything happened")
	}
	out, err := g.run(t.Context(), "inject", "partition", "--topology", topology, "--on", "region=a", "--shape", "groups", "--for", fmt.Sprint(cutFor))
	if err != nil {
		t.Errorf("inject: %v\n%s", err, out)
	}
	cancel()
	writers.Wait()
	return got
}

func TestNeverTwoWritableSides(t *testing.T) {
	g := build(t)
	g.up(t, "multiregion-small")
	a, b, ok := g.cutOff(t, "multiregion-small").bounds()
	t.Logf("region a acknowledged last at %v, region b first at %v", a, b)
	switch {
	case a == 0 || !ok:
		t.Fatalf("region a acknowledged last at %v, region b did: %v: want writes before and after", a, ok)
	case b <= a:
		t.Errorf("region b acknowledged what was sent at %v, region a still did at %v", b, a)
	case b-a > cutFor:
		t.Errorf("%v without a writable region", b-a)
	}
	checkFollows(t)
}

// checkFollows waits until both databases of region a stream from region b and show the same rows.
func checkFollows(t *testing.T) {
	t.Helper()
	began, why := time.Now(), ""
	for time.Since(began) < backLimit {
		if why = differs(t.Context()); why == "" {
			t.Logf("region a follows after %v", time.Since(began))
			return
		}
		time.Sleep(250 * time.Millisecond)
	}
	t.Errorf("region a does not follow after %v: %s", backLimit, why)
}

// differs says in what a database is not as it should be, "" if all are.
func differs(ctx context.Context) string {
	var want string
	primaries := 0
	for _, d := range []database{databases[2], databases[3], databases[0], databases[1]} {
		var replica bool
		var rows string
		err := d.ask(ctx, "select pg_is_in_recovery(), (select count(*) || ' rows, sum of ids ' || sum(id) from dual)", &replica, &rows)
		if err != nil {
			return d.name + ": " + err.Error()
		}
		if want == "" {
			want = rows
		}
		if !replica {
			primaries++
		}
		if rows != want || !replica && d.region == "a" {
			return fmt.Sprintf("%s has %s, want %s; replica: %v", d.name, rows, want, replica)
		}
	}
	if primaries != 1 {
		return fmt.Sprintf("%d primaries", primaries)
	}
	return ""
}

// Without gates the check fails: that is the proof that it can.
func TestTheMutantIsCaught(t *testing.T) {
	g := build(t)
	g.up(t, "multiregion-unfenced")
	a, b, ok := g.cutOff(t, "multiregion-unfenced").bounds()
	t.Logf("region a acknowledged last at %v, region b first at %v", a, b)
	if !ok || b > a {
		t.Errorf("without fencing region a acknowledged last at %v and region b first at %v: the check can't tell", a, b)
	}
}
