package compose

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// scaled is the topology with an autoscaler, as these tests see it.
type scaled struct {
	t     *testing.T
	stack *Stack
}

// TestAutoscaler: a backlog brings workers, which do the jobs and go again one by one; busy web nodes bring another, which serves; and
// nobody else's containers are touched, also if they look like its own.
func TestAutoscaler(t *testing.T) {
	if !*long {
		t.Skip("without -long: not tested: that the autoscaler adds and removes containers, and only its own")
	}
	e := needsDocker(t)
	top, err := Lookup("queued-autoscaled")
	if err != nil {
		t.Fatal(err)
	}
	opt := testOptions(t)
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	if err := e.Build(ctx, top, opt.Log); err != nil {
		t.Fatal(err)
	}
	stack, err := e.Up(ctx, top, opt)
	if err != nil {
		t.Fatal(err)
	}
	takeDown(t, stack)
	s := scaled{t, stack}
	foreign := s.foreign()
	waitReady(t, stack)
	t.Run("workers", func(t *testing.T) { scaled{t, stack}.workers(ctx) })
	t.Run("web", func(t *testing.T) { scaled{t, stack}.web(ctx) })
	if got := s.docker("inspect", "--format", "{{.State.Status}} {{.RestartCount}}", foreign); got != "running 0" {
		t.Errorf("the foreign container is %s, want it untouched", got)
	}
	if err := stack.Down(ctx); err != nil {
		t.Fatal(err)
	}
	if left, err := stack.left(ctx); err != nil || len(left) > 0 {
		t.Errorf("left behind: %s, %v", brief(left), err)
	}
}

// docker runs a docker command and returns what it printed.
func (s scaled) docker(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := command(ctx, "", nil, "docker", args...)
	if err != nil {
		s.t.Fatalf("docker %v: %v", args, err)
	}
	return strings.TrimSpace(out)
}

// foreign starts a container of another project, which bears all of the labels by which the autoscaler knows its own.
func (s scaled) foreign() string {
	id := s.docker("run", "--detach", "--label", "com.docker.compose.project=gauntlet-foreign", "--label", "com.docker.compose.service=worker1",
		"--label", "gauntlet.tier=worker", "--label", "gauntlet.scaled=autoscaler", imageName("redis"), "redis-server")
	s.t.Cleanup(func() { s.docker("rm", "--force", "--volumes", id) })
	return id
}

// made are the containers that the autoscaler has made and that run, by name.
func (s scaled) made(ctx context.Context) []Container {
	on, err := s.stack.Inventory(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(on, func(c Container) bool { return c.Name == c.Service || c.State != "running" })
}

// id is the engine's id of a service's own container.
func (s scaled) id(ctx context.Context, service string) string {
	on, err := s.stack.Inventory(ctx)
	i := slices.IndexFunc(on, func(c Container) bool { return c.Name == service })
	if err != nil || i < 0 {
		s.t.Fatalf("no container of %s: %v", service, err)
	}
	return on[i].ID
}

// until waits until so many made containers run, and returns the numbers that were seen on the way.
func (s scaled) until(ctx context.Context, want int, limit time.Duration) (seen []int) {
	s.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if n := len(s.made(ctx)); len(seen) == 0 || seen[len(seen)-1] != n {
			seen = append(seen, n)
		}
		if seen[len(seen)-1] == want {
			return seen
		}
	}
	s.t.Fatalf("made containers: %v, want %d within %s\n%s", seen, want, limit, s.docker("logs", "--tail", "30", s.id(ctx, "autoscaler")))
	return nil
}

// workers freezes the topology's own workers and lets 1,500 jobs wait.
func (s scaled) workers(ctx context.Context) {
	t := s.t
	for _, w := range []string{"worker1", "worker2"} {
		id := s.id(ctx, w)
		s.docker("pause", id)
		t.Cleanup(func() { s.docker("unpause", id) })
	}
	s.sql(ctx, "insert into outbox (kind, ref) select 'signup', 'scaled-' || g from generate_series(1, 1500) g")
	began := time.Now()
	t.Logf("numbers seen: %v, after %.1f s", s.until(ctx, 2, time.Minute), time.Since(began).Seconds())
	names := []string{s.made(ctx)[0].Name, s.made(ctx)[1].Name}
	if !slices.Equal(names, []string{"worker1-2", "worker1-3"}) {
		t.Errorf("made %v, want copies of worker1", names)
	}
	s.docker("kill", s.id(ctx, "autoscaler")) // it is to find again what it made
	for done := 0; done < 1500; time.Sleep(200 * time.Millisecond) {
		if done = s.sql(ctx, "select count(*) from effects where ref like 'scaled-%'"); ctx.Err() != nil {
			t.Fatalf("%d of 1500 jobs are done", done)
		}
	}
	t.Logf("all jobs are done after %.1f s", time.Since(began).Seconds())
	if n := s.sql(ctx, "select count(distinct job) from effects where ref like 'scaled-%'"); n != 1500 {
		t.Errorf("%d jobs had an effect, want 1500", n)
	}
	s.docker("start", s.id(ctx, "autoscaler"))
	seen := s.until(ctx, 0, time.Minute)
	t.Logf("numbers seen: %v, after %.1f s", seen, time.Since(began).Seconds())
	if !slices.Equal(seen, []int{2, 1, 0}) {
		t.Errorf("made containers went %v, want one after the other", seen)
	}
}

// sql runs a statement on the primary and returns its number, if any.
func (s scaled) sql(ctx context.Context, text string) (n int) {
	s.t.Helper()
	var last error
	for _, port := range []int{31, 32, 33} {
		conn, err := pgx.Connect(ctx, fmt.Sprintf("postgres://postgres@127.0.0.1:%d/app?sslmode=disable&target_session_attrs=read-write", testPorts+port))
		if last = err; err != nil {
			continue
		}
		defer conn.Close(ctx)
		if !strings.HasPrefix(text, "select") {
			_, last = conn.Exec(ctx, text)
		} else {
			last = conn.QueryRow(ctx, text).Scan(&n)
		}
		break
	}
	if last != nil {
		s.t.Fatalf("%s: %v", text, last)
	}
	return n
}

const (
	// addRules add a web node as soon as any is not quite idle, takeRules take it away as soon as none is fully busy.
	addRules  = "every: 500ms\nrules:\n  - {tier: web, measure: cpu, out: {above: 0.0001, add: 1}, in: {below: 0.00001, remove: 1}, min: 3, max: 4, cooldown: 1s}\n"
	takeRules = "every: 500ms\nrules:\n  - {tier: web, measure: cpu, out: {above: 1, add: 1}, in: {below: 0.999, remove: 1}, min: 3, max: 4, cooldown: 1s}\n"
)

// other starts an autoscaler with other rules in the place of the topology's own.
func (s scaled) other(rules string) (id string) {
	file := filepath.Join(s.t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return s.docker("run", "--detach", "--network", s.stack.Project+"_net", "--label", labelProject+"="+s.stack.Project, "--label", labelService+"=other",
		"--label", LabelOwner+"=gauntlet", "--env", "APP_NAME=other", "--env", "APP_RULES=/rules.yaml", "--volume", file+":/rules.yaml:ro",
		"--volume", "/var/run/docker.sock:/var/run/docker.sock", imageName("app"), "autoscaler")
}

// web lets a web node be added and taken away while requests go on: none may fail.
func (s scaled) web(ctx context.Context) {
	t := s.t
	s.docker("kill", s.id(ctx, "autoscaler"))
	ask := asking(ctx, fmt.Sprintf("http://127.0.0.1:%d/posts/1", testPorts+80))
	began := time.Now()
	id := s.other(addRules)
	s.until(ctx, 1, time.Minute)
	t.Logf("web1-2 runs after %.1f s", time.Since(began).Seconds())
	for !ask.servedBy("web1-2") {
		if time.Since(began) > time.Minute {
			t.Fatalf("web1-2 serves nothing; %s", s.docker("logs", "--tail", "20", id))
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("%s: it serves after %.1f s", time.Now().Format("15:04:05.000"), time.Since(began).Seconds())
	s.docker("rm", "--force", "--volumes", id)
	id = s.other(takeRules)
	s.until(ctx, 0, time.Minute)
	s.docker("rm", "--force", "--volumes", id)
	time.Sleep(2 * time.Second)
	if all, failed := ask.stop(); failed > 0 || all < 100 {
		t.Errorf("%d of %d requests failed while a web node came and went: %s", failed, all, strings.Join(ask.whys, "; "))
	}
}

// asker asks a URL again and again.
type asker struct {
	cancel context.CancelFunc
	served chan string // by whom, the newest
	result chan [2]int // all, failed
	whys   []string    // of those that failed; read it after stop
}

func asking(ctx context.Context, url string) *asker {
	ctx, cancel := context.WithCancel(ctx)
	a := &asker{cancel: cancel, served: make(chan string, 1000), result: make(chan [2]int, 1)}
	go func() {
		var n [2]int
		client := http.Client{Timeout: 2 * time.Second}
		for ctx.Err() == nil {
			n[0]++
			resp, err := client.Get(url)
			if err == nil {
				resp.Body.Close()
				select {
				case a.served <- resp.Header.Get("X-Served-By"):
				default:
				}
			}
			if err != nil || resp.StatusCode != http.StatusOK {
				n[1]++
				a.whys = append(a.whys, why(resp, err))
			}
			time.Sleep(20 * time.Millisecond)
		}
		a.result <- n
	}()
	return a
}

// why says when and how a request failed.
func why(resp *http.Response, err error) string {
	at := time.Now().Format("15:04:05.000")
	if err != nil {
		return at + " " + err.Error()
	}
	return fmt.Sprintf("%s status %d by %q", at, resp.StatusCode, resp.Header.Get("X-Served-By"))
}

// servedBy says whether a node has answered since it was last asked about.
func (a *asker) servedBy(name string) bool {
	for {
		select {
		case by := <-a.served:
			if strings.HasPrefix(by, name+" ") {
				return true
			}
		default:
			return false
		}
	}
}

func (a *asker) stop() (all, failed int) {
	a.cancel()
	n := <-a.result
	return n[0], n[1]
}
