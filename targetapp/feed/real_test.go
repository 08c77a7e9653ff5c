package feed

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"gauntlet/chaos/agent/state/statetest"
	"gauntlet/compose"
	"gauntlet/targetapp/postgres"
)

var long = flag.Bool("long", false, "test the scripts and a failover on a real Redis Cluster, in one container")

// clusterScript starts three masters and their replicas on ports 7001 to 7006, as images/cluster.sh does with a container for each.
const clusterScript = `set -e
ip=$(hostname -i)
for p in 7001 7002 7003 7004 7005 7006; do
	mkdir -p /tmp/$p
	redis-server --port $p --bind 0.0.0.0 --protected-mode no --dir /tmp/$p --save '' --daemonize yes --cluster-enabled yes --cluster-node-timeout 1000 \
		--repl-diskless-sync-delay 0 --cluster-require-full-coverage no --cluster-replica-validity-factor 0 --cluster-announce-ip $ip
done
sleep 1
redis-cli --cluster create $ip:7001 $ip:7002 $ip:7003 $ip:7004 $ip:7005 $ip:7006 --cluster-replicas 1 --cluster-yes
exec sleep 600`

// realCluster starts a cluster.
func realCluster(t *testing.T) *Cluster {
	t.Helper()
	if !*long {
		t.Skip("without -long: not tested on a real Redis Cluster")
	}
	statetest.NeedDocker(t)
	e, err := compose.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Build(t.Context(), compose.Topology{Targets: []string{"redis"}}, func(line string) { t.Log(line) }); err != nil {
		t.Fatal(err)
	}
	box := statetest.Run(t, "gauntlet/redis:latest", clusterScript, 7001, 7002, 7003)
	c := Open([]string{fmt.Sprint("127.0.0.1:", box.Ports[7001]), fmt.Sprint("127.0.0.1:", box.Ports[7003])})
	t.Cleanup(func() { _ = c.Close() })
	statetest.Eventually(t, 30*time.Second, "a cluster", func(ctx context.Context) error {
		call, cancel := context.WithTimeout(ctx, callLimit)
		defer cancel()
		if _, _, err := c.Feed(call, 1); !errors.Is(err, ErrEmpty) {
			return fmt.Errorf("want an empty cluster: %w", err)
		}
		out, err := exec.CommandContext(ctx, "docker", "exec", box.ID, "sh", "-c", "redis-cli -p 7001 cluster nodes | grep -c 'slave.*connected'").CombinedOutput()
		if err == nil && string(out) != "3\n" {
			err = fmt.Errorf("%s replicas", out)
		}
		return err
	})
	return c
}

func TestOnARealCluster(t *testing.T) {
	c := realCluster(t)
	ctx := t.Context()
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	if err := c.AddPost(ctx, postgres.Post{ID: 1}); !errors.Is(err, ErrEmpty) {
		t.Errorf("a post for a store that was lost: %v, want ErrEmpty", err)
	}
	if err := c.SetAuthor(ctx, version(1), postgres.Leader{UserID: 1}); !errors.Is(err, ErrEmpty) {
		t.Errorf("an author for a store that was lost: %v, want ErrEmpty", err)
	}
	check("build an empty feed", c.BuildFeed(ctx, version(5), nil))
	for id := range int64(keepPosts + 20) {
		check("add", c.AddPost(ctx, postgres.Post{ID: id + 1, Text: fmt.Sprint("post ", id+1)}))
	}
	check("add again", c.AddPost(ctx, postgres.Post{ID: 120, Text: "post 120"}))
	check("build with an older version", c.BuildFeed(ctx, version(4), []postgres.Post{{ID: 120, Text: "post 120"}}))
	posts, v, err := c.Feed(ctx, keepPosts+50)
	check("read", err)
	if len(posts) != keepPosts || posts[0].Text != "post 120" || posts[keepPosts-1].ID != 21 || v != version(5) {
		t.Errorf("%d posts from %+v to %+v at %s; want 120 down to 21 at %s", len(posts), posts[0], posts[len(posts)-1], v, version(5))
	}
	checkBoard(t, c)
	failOver(t, c)
}

func checkBoard(t *testing.T, c *Cluster) {
	t.Helper()
	ctx := t.Context()
	leader := func(id, likes int64) postgres.Leader {
		return postgres.Leader{UserID: id, User: "u", Likes: likes}
	}
	for i, err := range []error{
		c.BuildBoard(ctx, version(10), []postgres.Leader{leader(1, 3), leader(2, 9), leader(3, 1)}),
		c.SetAuthor(ctx, version(11), leader(1, 12)),
		c.SetAuthor(ctx, version(9), leader(2, 1)),                             // read before what is there
		c.SetAuthor(ctx, version(12), leader(3, 0)),                            // likes no more
		c.SetAuthor(ctx, version(14), leader(4, 2)),                            // newer than the next comparison
		c.BuildBoard(ctx, version(13), []postgres.Leader{leader(1, 12)}),       // 2 has lost its likes
		c.BuildBoard(ctx, version(8), []postgres.Leader{leader(1, 1), {}, {}}), // late: changes nothing but what nobody has
	} {
		if err != nil {
			t.Fatalf("call %d: %v", i+1, err)
		}
	}
	board, v, err := c.Leaderboard(ctx, 10)
	if got := fmt.Sprint(board, v == version(13), err); got != "[{1 u 12} {4 u 2}] true <nil>" {
		t.Errorf("leaderboard %s", got)
	}
}

// failOver kills the master of the feed's slot; the client must find its replica.
func failOver(t *testing.T, c *Cluster) {
	t.Helper()
	master, err := c.client.MasterForKey(t.Context(), feedIDs)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_ = master.ShutdownNoSave(t.Context()).Err()
	failed := 0
	statetest.Eventually(t, 15*time.Second, "the feed after a failover", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, callLimit)
		defer cancel()
		_, _, err := c.Feed(ctx, 20)
		if err != nil {
			failed++
		}
		return err
	})
	t.Logf("the feed was away for %.1f s, %d reads failed", time.Since(began).Seconds(), failed)
	if failed == 0 {
		t.Error("no read failed: the wrong node was stopped")
	}
}
