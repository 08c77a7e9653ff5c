package activity_test

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"gauntlet/chaos/agent/state/statetest"
	"gauntlet/compose"
	"gauntlet/targetapp/activity"
)

var long = flag.Bool("long", false, "test the scripts on two real Redis servers, in one container")

// twoStores are those of two regions. The second's server is started again when it ends.
const twoStores = `set -e
mkdir -p /tmp/a /tmp/b
redis-server --port 6379 --bind 0.0.0.0 --protected-mode no --dir /tmp/a --save '' --appendonly yes --daemonize yes
while true; do redis-server --port 6380 --bind 0.0.0.0 --protected-mode no --dir /tmp/b --save '' --appendonly yes; done`

func open(t *testing.T) (a, b *activity.Log, box string) {
	t.Helper()
	if !*long {
		t.Skip("without -long: not tested on a real Redis")
	}
	statetest.NeedDocker(t)
	e, err := compose.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Build(t.Context(), compose.Topology{Targets: []string{"redis"}}, func(line string) { t.Log(line) }); err != nil {
		t.Fatal(err)
	}
	c := statetest.Run(t, "gauntlet/redis:latest", twoStores, 6379, 6380)
	a = activity.Open(fmt.Sprint("127.0.0.1:", c.Ports[6379]), "a")
	b = activity.Open(fmt.Sprint("127.0.0.1:", c.Ports[6380]), "b")
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	for _, l := range []*activity.Log{a, b} {
		statetest.Eventually(t, 30*time.Second, "a store", l.Check)
	}
	return a, b, c.ID
}

func add(t *testing.T, l *activity.Log, op string) string {
	t.Helper()
	id, err := l.Append(t.Context(), activity.New{Op: op, At: time.Now(), User: 7, Action: "view", Ref: "5"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// carry copies all of from's origins, as package syncer does.
func carry(t *testing.T, from, to *activity.Log) (new int) {
	t.Helper()
	origins, err := from.Origins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range origins {
		last, err1 := to.Last(t.Context(), o)
		got, err2 := from.After(t.Context(), o, last, 10_000)
		n, err3 := to.Copy(t.Context(), o, got)
		if err1 != nil || err2 != nil || err3 != nil {
			t.Fatal(err1, err2, err3)
		}
		new += n
	}
	return new
}

func digest(t *testing.T, l *activity.Log) activity.Digest {
	t.Helper()
	d, err := l.Digest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTwoRealStores(t *testing.T) {
	a, b, box := open(t)
	first := add(t, a, "1")
	if again := add(t, a, "1"); again != first {
		t.Errorf("a repeated append is %s, want %s", again, first)
	}
	for i := range 1500 {
		add(t, b, fmt.Sprint("b", i))
	}
	if digest(t, a).Sum == digest(t, b).Sum {
		t.Error("the digests of different logs are equal")
	}
	if n := carry(t, b, a) + carry(t, a, b); n != 1501 {
		t.Errorf("%d entries were copied, want 1501", n)
	}
	if n := carry(t, b, a) + carry(t, a, b); n != 0 {
		t.Errorf("%d entries were copied again", n)
	}
	da, db := digest(t, a), digest(t, b)
	if da.Sum != db.Sum || da.Entries != 1501 || len(da.Origins) != 2 {
		t.Errorf("after copying: %+v and %+v", da, db)
	}
	got, err := a.Newest(t.Context(), 3)
	if err != nil || len(got) != 3 || got[0].Region != "b" || got[0].Action != "view" || got[0].User != 7 || got[0].Ref != "5" {
		t.Errorf("newest %+v, %v", got, err)
	}
	checkNewLife(t, a, b, box)
}

// A store that was started again numbers its entries anew, under another origin: even if it had lost some, no id is given twice.
func checkNewLife(t *testing.T, a, b *activity.Log, box string) {
	t.Helper()
	old := add(t, b, "before")
	if out, err := exec.CommandContext(t.Context(), "docker", "exec", box, "redis-cli", "-p", "6380", "shutdown", "nosave").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	statetest.Eventually(t, 20*time.Second, "the store's second life", func(ctx context.Context) error {
		_, err := b.Append(ctx, activity.New{Op: "after", At: time.Now(), Action: "view"})
		return err
	})
	if d := digest(t, b); len(d.Origins) != 3 || d.Entries != 1503 {
		t.Errorf("after %s and a new life: %+v; want 1503 entries of 3 origins", old, d)
	}
	carry(t, b, a)
	if da, db := digest(t, a), digest(t, b); da.Sum != db.Sum {
		t.Errorf("after a new life: %+v and %+v", da, db)
	}
}
