package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"gauntlet/cmd/exclusive"
	"gauntlet/compose"
	"gauntlet/targetapp/activity"
)

// With -long also topologies of forty containers are run: give -timeout 40m.
var long = flag.Bool("long", false, "run the experiments of large topologies, too")

func needLong(t *testing.T) {
	t.Helper()
	if !*long {
		t.Skip("without -long: not tested: " + t.Name())
	}
	if os.Getenv("GAUNTLET_DOCKER") == "off" {
		t.Skip("GAUNTLET_DOCKER=off: not tested: " + t.Name() + " on real containers")
	}
	exclusive.Turn(t)
}

const calm = `claim: Without a fault no request of a minute fails
topology: polyglot
load: {workload: %s}
phases: {warm: 5s, baseline: 10s, recovery: 60s}
goals:
  - {metric: lost_seconds, at_most: 0}
  - {metric: p99, at_most: 500ms}
  - {metric: lost_writes, at_most: 0}
  - {metric: lost_jobs, at_most: 0}
  - {metric: doubled_jobs, at_most: 0}
`

// A minute of each workload, and then one in which the master is killed that has the feed. The machine may be busy, hence the tries.
func TestPolyglot(t *testing.T) {
	needLong(t)
	master, err := os.ReadFile(filepath.Join(root, "experiments", "feed-master-kill.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"reference": fmt.Sprintf(calm, "reference"), "social": fmt.Sprintf(calm, "social"), "master": string(master)} {
		t.Run(name, func(t *testing.T) {
			code := exitUnknown
			for range busyTries {
				state := t.TempDir()
				code = gauntlet(t, state, "run", experiment(t, name, text), "--out", filepath.Join(state, "runs")).run(t)
				nothingLeft(t)
				if code == exitPass {
					return
				}
			}
			t.Errorf("exit code %d, want %d", code, exitPass)
		})
	}
}

// During a split both regions take what their users do; after it both logs have all of it. Where nobody copies, the same check fails.
func TestActivityConvergesAfterASplit(t *testing.T) {
	needLong(t)
	for topology, converges := range map[string]bool{"polyglot": true, "polyglot-unsynced": false} {
		t.Run(topology, func(t *testing.T) { split(t, topology, converges) })
		nothingLeft(t)
	}
}

func split(t *testing.T, topology string, converges bool) {
	state := t.TempDir()
	inv := gauntlet(t, state, "run", "experiments/activity-split.yaml", "--topology", topology, "--keep", "--out", filepath.Join(state, "runs"))
	if err := inv.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if out, err := gauntlet(t, state, "down", topology).CombinedOutputOf(); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
	}()
	users := []*user{{region: "a", url: entry(), store: storeOf(97)}, {region: "b", url: at(28), store: storeOf(98)}}
	ctx, stop := context.WithCancel(t.Context())
	var g errgroup.Group
	for _, u := range users {
		g.Go(func() error { return u.act(ctx) })
	}
	inv.await(t, `"fault":{`, 5*time.Minute)
	checkApart(t, users)
	code := inv.code(t, inv.Wait())
	stop()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if code != exitPass && code != exitUnknown { // what region a's users felt can't be known on a busy machine; what the logs hold can
		t.Errorf("the experiment ended with code %d", code)
	}
	for _, u := range users {
		t.Logf("region %s: %d entries acknowledged, the longest gap %.2f s", u.region, len(u.acked), u.gap.Seconds())
		if len(u.acked) < 100 || u.gap > 8*time.Second {
			t.Errorf("region %s acknowledged %d entries, with a gap of %s; want 100 and more, also during the split", u.region, len(u.acked), u.gap)
		}
	}
	if same := agree(t, users); same != converges {
		t.Errorf("both regions have all entries: %v, want %v", same, converges)
	}
}

// checkApart waits for an entry of each region that the other one lacks: the split is real.
func checkApart(t *testing.T, users []*user) {
	t.Helper()
	time.Sleep(5 * time.Second)
	for i, u := range users {
		mine, theirs := u.digest(t), users[1-i].digest(t)
		lacks := 0
		for origin, x := range mine.Origins {
			if strings.HasPrefix(origin, u.region+".") {
				lacks += int(x.Last - theirs.Origins[origin].Last)
			}
		}
		t.Logf("in the split: region %s lacks %d entries of region %s", users[1-i].region, lacks, u.region)
		if lacks < 20 {
			t.Errorf("5 s into the split, region %s lacks %d entries of region %s, want 20 and more", users[1-i].region, lacks, u.region)
		}
	}
}

// agree waits for 15 s for both digests to be the same with all that was acknowledged in both.
func agree(t *testing.T, users []*user) bool {
	t.Helper()
	for range 30 {
		a, b := users[0].digest(t), users[1].digest(t)
		if a.Sum == b.Sum {
			t.Logf("both regions have %d entries of %d origins, sum %.12s", a.Entries, len(a.Origins), a.Sum)
			return lacksNothing(t, users)
		}
		time.Sleep(500 * time.Millisecond)
	}
	return false
}

// lacksNothing looks for each acknowledged entry in both stores.
func lacksNothing(t *testing.T, users []*user) bool {
	t.Helper()
	whole := true
	for _, u := range users {
		has := u.all(t)
		for _, other := range users {
			for _, id := range other.acked {
				if !has[id] {
					t.Logf("region %s lacks entry %s, which region %s acknowledged", u.region, id, other.region)
					whole = false
				}
			}
		}
	}
	return whole
}

// user is somebody in one region.
type user struct {
	region, url string
	store       string // address of the region's store
	token       string
	acked       []string      // ids of entries
	gap         time.Duration // longest time between two that were acknowledged
}

// at is the URL of a port that the topology publishes.
func at(offset int) string { return "http://" + storeOf(offset) }

func storeOf(offset int) string {
	base := compose.DefaultPortBase
	if n, err := strconv.Atoi(os.Getenv("GAUNTLET_PORT_BASE")); err == nil {
		base = n
	}
	return fmt.Sprint("127.0.0.1:", base+offset)
}

// act logs in and then does something ten times a second until ctx ends.
func (u *user) act(ctx context.Context) error {
	var last time.Time
	for n := 1; ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if u.token == "" {
			var tok struct{ Token string }
			_ = u.post(ctx, "/login", `{"user":7,"password":"password-7"}`, 0, &tok)
			u.token = tok.Token
			continue
		}
		var got struct{ ID string }
		if err := u.post(ctx, "/activity", `{"action":"view","ref":"5"}`, n, &got); err != nil {
			continue // with the same number: it may be in the log
		}
		n++
		now := time.Now()
		if u.acked = append(u.acked, got.ID); !last.IsZero() {
			u.gap = max(u.gap, now.Sub(last))
		}
		last = now
	}
	return nil
}

func (u *user) post(ctx context.Context, path, body string, op int, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+u.token)
	if op > 0 {
		req.Header.Set("X-Op-Id", strconv.Itoa(op))
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = errors.New(res.Status)
	}
	return errors.Join(err, json.NewDecoder(bytes.NewReader(text)).Decode(into))
}

// digest asks a web node of the region, again for a while if it is busy.
func (u *user) digest(t *testing.T) (d activity.Digest) {
	t.Helper()
	var err error
	for range 20 {
		var res *http.Response
		if res, err = http.Get(u.url + "/activity/digest"); err == nil {
			err = json.NewDecoder(res.Body).Decode(&d)
			res.Body.Close()
		}
		if err == nil && d.Sum != "" {
			return d
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatalf("region %s: no digest: %v", u.region, err)
	return d
}

// all are the ids of the region's entries, from its store itself.
func (u *user) all(t *testing.T) map[string]bool {
	t.Helper()
	log := activity.Open(u.store, u.region)
	defer log.Close()
	origins, err := log.Origins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, o := range origins {
		for last := uint64(0); ; {
			got, err := log.After(t.Context(), o, last, 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range got {
				last = r.Seq
				out[fmt.Sprintf("%s-%d", o, r.Seq)] = true
			}
			if len(got) < 1000 {
				break
			}
		}
	}
	return out
}
