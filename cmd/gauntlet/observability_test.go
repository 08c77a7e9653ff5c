package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gauntlet/compose"
)

const (
	watchedPorts = 23000
	seriesFile   = "experiments/monitor/testdata/series.txt"
)

// The whole of observability on the rung that has most of it: a post's trace goes from the web node over the outbox to the worker,
// a request that fails is found in log and traces, every target is scraped, every panel has data, and an alert fires.
func TestObservability(t *testing.T) {
	needLong(t)
	watched := startWatched(t)
	stop := watched.load(t)
	defer stop()
	watched.awaitTargets(t)
	followed, failed := watched.post(t), watched.failingPosts(t)
	watched.checkPanels(t)
	watched.checkTraces(t, followed, failed)
	watched.checkAlert(t)
}

// watchedRung is queued with the overlay.
type watchedRung struct {
	entry, prometheus, alertmanager string
	stack                           *compose.Stack
	token                           string
}

func startWatched(t *testing.T) *watchedRung {
	t.Helper()
	at := func(offset int) string { return fmt.Sprintf("http://127.0.0.1:%d", watchedPorts+offset) }
	w := &watchedRung{entry: at(70), prometheus: at(87), alertmanager: at(89)}
	state := t.TempDir()
	t.Cleanup(func() { gauntlet(t, state, "down", "queued").run(t) })
	up := gauntlet(t, state, "up", "queued", "--with", "observability", "--time-scale", "30", "--port-base", fmt.Sprint(watchedPorts))
	up.Env = append(up.Env, "APP_TRACE_RATIO=1")
	if code := up.run(t); code != 0 {
		t.Fatalf("up: exit code %d", code)
	}
	eng, err := compose.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { eng.Close() })
	top, err := compose.Lookup("queued")
	if err != nil {
		t.Fatal(err)
	}
	w.stack = eng.Find(top)
	var in struct{ Token string }
	_, body := w.send(t, "POST", "/login", `{"user":1,"password":"password-1"}`)
	if err := json.Unmarshal(body, &in); err != nil || in.Token == "" {
		t.Fatalf("login: %s", body)
	}
	w.token = in.Token
	return w
}

// send sends a request as a user, with headers by turns, and returns status and body; 0 without an answer.
func (w *watchedRung) send(t *testing.T, method, path, body string, headers ...string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, w.entry+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if w.token != "" && method != http.MethodGet {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := (&http.Client{Timeout: 3 * time.Second}).Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, text
}

// load sends a little of everything until it is stopped.
func (w *watchedRung) load(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			w.send(t, "GET", "/feed", "")
			w.send(t, "GET", "/feed", "", "X-Session-LSN", "0/1") // passes the edges
			w.send(t, "POST", "/posts", `{"text":"x"}`)
			if i%10 == 0 {
				w.send(t, "GET", "/", "", "X-Session-LSN", "0/1")
				w.send(t, "POST", "/signup", `{"name":"n","password":"p"}`)
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	return func() { cancel(); all.Wait() }
}

// eventually asks until the answer is "", for as long as limit.
func eventually(t *testing.T, limit time.Duration, wrong func() string) {
	t.Helper()
	why := ""
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(time.Second) {
		if why = wrong(); why == "" {
			return
		}
	}
	t.Errorf("still after %s: %s", limit, why)
}

func (w *watchedRung) awaitTargets(t *testing.T) {
	t.Helper()
	eventually(t, 30*time.Second, func() string {
		var got struct {
			Data struct {
				ActiveTargets []struct{ ScrapeURL, Health, LastError string }
			}
		}
		text := answerOf(w.prometheus + "/api/v1/targets")
		if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Data.ActiveTargets) < 15 {
			return "targets: " + text
		}
		for _, target := range got.Data.ActiveTargets {
			if target.Health != "up" {
				return fmt.Sprintf("%s is %s: %s", target.ScrapeURL, target.Health, target.LastError)
			}
		}
		t.Logf("%d targets are up", len(got.Data.ActiveTargets))
		return ""
	})
}

// traceparent is a trace of the test's own, number n.
func traceparent(n int) (id, header string) {
	id = fmt.Sprintf("%032x", 0x5eed0000+n)
	return id, "00-" + id + "-00000000000000aa-01"
}

// post writes one post in a trace and returns the trace's id.
func (w *watchedRung) post(t *testing.T) string {
	t.Helper()
	id, header := traceparent(1)
	if code, body := w.send(t, "POST", "/posts", `{"text":"followed"}`, "traceparent", header); code != http.StatusCreated {
		t.Fatalf("post: %d %s", code, body)
	}
	return id
}

// failingPosts writes while the primary is frozen and returns the traces of the posts that web nodes answered with an error.
func (w *watchedRung) failingPosts(t *testing.T) []string {
	t.Helper()
	var primary string
	for _, db := range []string{"db1", "db2", "db3"} {
		if strings.Contains(answerOf(w.prometheus+"/api/v1/query?query="+url.QueryEscape(`max(app_database_primary{node="`+db+`"})`)), `"1"]`) {
			primary = db
		}
	}
	container := w.container(t, primary)
	engineDoes(t, "pause", container)
	var failed []string
	for n := range 20 {
		id, header := traceparent(100 + n)
		if code, _ := w.send(t, "POST", "/posts", `{"text":"in vain"}`, "traceparent", header); code >= 500 {
			failed = append(failed, id)
		}
	}
	engineDoes(t, "unpause", container)
	if len(failed) == 0 {
		t.Error("no post failed while the primary was frozen")
	}
	eventually(t, time.Minute, func() string {
		if code, _ := w.send(t, "POST", "/posts", `{"text":"again"}`); code != http.StatusCreated {
			return fmt.Sprintf("a post is answered %d", code)
		}
		return ""
	})
	return failed
}

func engineDoes(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("docker", args...).CombinedOutput(); err != nil {
		t.Fatalf("docker %v: %v\n%s", args, err, out)
	}
}

func (w *watchedRung) container(t *testing.T, service string) string {
	t.Helper()
	on, err := w.stack.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(on, func(c compose.Container) bool { return c.Service == service })
	if i < 0 {
		t.Fatalf("there is no container of %q", service)
	}
	return on[i].ID
}

// checkPanels asks Prometheus what each panel of each dashboard asks.
func (w *watchedRung) checkPanels(t *testing.T) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "compose/dashboards/*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			Panels []struct{ Targets []struct{ Expr string } }
		}
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				eventually(t, 30*time.Second, func() string { return w.noData(q.Expr) })
			}
		}
	}
	w.recordSeries(t)
}

func (w *watchedRung) noData(expr string) string {
	text := answerOf(w.prometheus + "/api/v1/query?query=" + url.QueryEscape(expr))
	if !strings.Contains(text, `"value":[`) {
		return expr + " has no data: " + text
	}
	return ""
}

// recordSeries writes down, with -update, which series containers export, without those that rules make.
func (w *watchedRung) recordSeries(t *testing.T) {
	t.Helper()
	var got struct{ Data []string }
	text := answerOf(w.prometheus + "/api/v1/label/__name__/values")
	if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Data) == 0 {
		t.Fatalf("names of series: %s", text)
	}
	got.Data = slices.DeleteFunc(got.Data, func(s string) bool { return strings.HasPrefix(s, "gauntlet_") || strings.HasPrefix(s, "ALERTS") })
	if !*updateGoldens {
		return
	}
	if err := os.WriteFile(filepath.Join(root, seriesFile), []byte(strings.Join(got.Data, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// checkTraces takes logs and spans out of the containers, as a run does at its end.
func (w *watchedRung) checkTraces(t *testing.T, followed string, failed []string) {
	t.Helper()
	dir := t.TempDir()
	if cut, err := w.stack.Collect(t.Context(), dir); err != nil || len(cut) > 0 {
		t.Fatalf("cut %v, %v", cut, err)
	}
	spans, err := os.ReadFile(filepath.Join(dir, compose.TracesFile))
	if err != nil {
		t.Fatal(err)
	}
	var mine []string
	for line := range strings.Lines(string(spans)) {
		if strings.Contains(line, `"traceId":"`+followed+`"`) {
			mine = append(mine, line)
		}
	}
	for _, want := range [][2]string{{"targetapp-web", `"name":"POST /posts"`}, {"targetapp-web", `"name":"sessions get"`}, {"targetapp-web", `"name":"sql with"`},
		{"targetapp-web", `"name":"cache evalsha"`}, {"targetapp-worker", `"name":"send jobs.work"`}, {"targetapp-worker", `"name":"process jobs.work"`}, {"targetapp-worker", `"name":"sql insert"`}} {
		if !slices.ContainsFunc(mine, func(s string) bool { return strings.Contains(s, want[0]) && strings.Contains(s, want[1]) }) {
			t.Errorf("the trace of the post has no span %s of a %s:\n%s", want[1], want[0], strings.Join(mine, ""))
		}
	}
	logs, err := filepath.Glob(filepath.Join(dir, compose.LogFolder, "web*.jsonl"))
	if err != nil || len(logs) != 3 {
		t.Fatalf("logs of web nodes: %v, %v", logs, err)
	}
	found := 0
	for _, name := range logs {
		found += linesOf(t, name, failed, spans)
	}
	if found == 0 {
		t.Errorf("no line of any log is about one of the %d posts that failed", len(failed))
	}
}

// linesOf counts the lines about failed requests, each of which must have exactly the fields and a span of the same trace.
func linesOf(t *testing.T, name string, failed []string, spans []byte) int {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range bytes.Lines(text) {
		var got map[string]string
		if err := json.Unmarshal(line, &got); err != nil || len(got) != 8 {
			t.Errorf("%s: %d fields, %v: %s", name, len(got), err, line)
		}
		if slices.Contains(failed, got["trace_id"]) {
			found++
			if !bytes.Contains(spans, []byte(got["trace_id"])) {
				t.Errorf("no span of %s", line)
			}
		}
	}
	return found
}

// checkAlert stops the web tier: the load balancer answers with errors, and the Alertmanager is told.
func (w *watchedRung) checkAlert(t *testing.T) {
	t.Helper()
	for _, web := range []string{"web1", "web2", "web3"} {
		engineDoes(t, "kill", w.container(t, web))
	}
	began := time.Now()
	for _, alert := range []string{"HighErrorRatio", "TargetDown"} {
		eventually(t, 90*time.Second, func() string {
			if text := answerOf(w.alertmanager + "/api/v2/alerts"); !strings.Contains(text, `"alertname":"`+alert+`"`) {
				return alert + " is not there: " + text
			}
			return ""
		})
	}
	t.Logf("both alerts were there %s after the web tier was gone", time.Since(began).Round(time.Second))
}
