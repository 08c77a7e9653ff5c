package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gauntlet/experiments/spec"
)

// runLoad runs gauntlet load in this process. A generator that this machine held up is no error here.
func runLoad(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := loadCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	var late *exitError
	if errors.As(err, &late) && late.code == exitUnknown {
		err = nil
	}
	return out.String(), err
}

// api is a small system that wants a session.
func api(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, `{"id":"s1"}`) })
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s1" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	mux.HandleFunc("GET /feed", func(w http.ResponseWriter, r *http.Request) {})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

// A load file with a session runs, is recorded, and vegeta's and our own forms come out of the recording.
func TestLoadRecordsAndExports(t *testing.T) {
	dir := t.TempDir()
	file, rec := filepath.Join(dir, "site.yaml"), filepath.Join(dir, "rec")
	text := "base: " + api(t) + `
for: 2s
rate: 60/s
timeout: 20s
catch_up: 10
shape: {spike: {at: 1s, for: 500ms, rate: 120/s}}
data: {names: {file: names.csv}}
ops:
  - {name: login, class: session, method: POST, path: /login, body: '{{data names name}}', capture: {id: json id}}
  - {name: me, class: read, after: login, think: 100ms, path: /me, headers: {Authorization: "Bearer {{session id}}"}}
  - {name: feed, class: read, weight: 4, path: "/feed?page={{rand 9}}"}
`
	if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), os.WriteFile(filepath.Join(dir, "names.csv"), []byte("name\nann\nbob\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	out, err := runLoad(t, file, "--json", "--out", rec)
	if err != nil {
		t.Fatal(err)
	}
	var sum loadSummary
	if err := json.Unmarshal([]byte(out), &sum); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	// 60/s for 2 s and another 60/s for half a second: 150, of which the last 100 ms have no second step.
	if sum.All.Planned < 146 || sum.All.Planned > 152 || sum.All.OK != sum.All.Planned || len(sum.Ops) != 3 {
		t.Errorf("summary %+v, want about 150 requests, all OK", sum.All)
	}
	for format, want := range map[string]string{"csv": "op,class,region", "json": `"method":"GET"`, "vegeta-csv": "/feed?page=", "vegeta": "Result"} {
		got, err := runLoad(t, "export", rec, "--format", format)
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: error %v, %d bytes without %q", format, err, len(got), want)
		}
	}
	if _, err := open(rec); err == nil || !strings.Contains(err.Error(), "gauntlet load export") || strings.Contains(err.Error(), "claim is missing") {
		t.Errorf("error %v, want that a load's recording has no card", err)
	}
	if err := validateLoad(file); err != nil {
		t.Error(err)
	}
	if _, err := runLoad(t, file, "--out", rec, "--for", "100ms"); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("error %v, want that a recording is never overwritten", err)
	}
	if _, err := runLoad(t, file, "--rate", "7"); err == nil || !strings.Contains(err.Error(), "shape") {
		t.Errorf("error %v, want that the shape has its own rates", err)
	}
}

func TestLoadOfAURL(t *testing.T) {
	out, err := runLoad(t, api(t)+"/feed?x=1", "--for", "500ms", "--rate", "40", "--timeout", "20s")
	if err != nil || !strings.Contains(out, "get       20  20 ") || strings.Contains(out, "not ok") {
		t.Errorf("error %v:\n%s", err, out)
	}
	out, err = runLoad(t, api(t)+"/nothing", "--for", "300ms", "--timeout", "20s")
	if err != nil || !strings.Contains(out, "not ok: status 404 3") {
		t.Errorf("error %v:\n%s", err, out)
	}
}

func TestLoadRefusesBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	ops := "\nops: [{name: a, class: read, path: /}]\n"
	for want, args := range map[string][]string{
		"no such file":        {filepath.Join(dir, "none.yaml")},
		"--base":              {write("nobase.yaml", "rate: 1/s"+ops)},
		"--for":               {write("for.yaml", "base: http://x\nrate: 1/s"+ops), "--for", "-1s"},
		"no operations":       {write("noops.yaml", "base: http://x\nrate: 1/s\n")},
		"rate is missing":     {write("norate.yaml", "base: http://x"+ops)},
		`unknown key "shpae"`: {write("key.yaml", "base: http://x\nrate: 1/s\nshpae: {}"+ops)},
		"two of stages":       {write("two.yaml", "base: http://x\nrate: 1/s\nshape: {ramp: {from: 1/s, to: 2/s, over: 1s}, spike: {rate: 5/s}}"+ops)},
		"unknown dns":         {write("dns.yaml", "base: http://x\nrate: 1/s\nclient: {dns: alwys}"+ops)},
		"bad capture":         {write("capture.yaml", "base: http://x\nrate: 1/s\nops: [{name: a, class: read, path: /, capture: {x: jsn y}}]\n")},
		"no op before it":     {write("after.yaml", "base: http://x\nrate: 1/s\nops: [{name: a, class: read, path: /, after: b}]\n")},
		"no such feed":        {write("feed.yaml", "base: http://x\nrate: 1/s\nops: [{name: a, class: read, path: '/{{data f c}}'}]\n")},
	} {
		if _, err := runLoad(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want %q", args, err, want)
		}
	}
}

// What init prints is a load file that runs against the API it was made from.
func TestLoadInitMakesALoadThatRuns(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "openapi.yaml")
	text := "openapi: 3.0.0\nservers: [{url: '" + api(t) + `'}]
paths:
  /feed: {get: {operationId: readFeed, responses: {200: {description: ok}}}}
  /login: {post: {requestBody: {content: {application/json: {schema: {type: object, properties: {user: {type: integer}}}}}}}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runLoad(t, "init", file)
	if err != nil || !strings.Contains(out, "read-feed") {
		t.Fatalf("error %v:\n%s", err, out)
	}
	first := filepath.Join(dir, "first.yaml")
	if err := os.WriteFile(first, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := runLoad(t, first, "--for", "500ms", "--timeout", "20s", "--rate", "40"); err != nil || !strings.Contains(out, "all") || strings.Contains(out, "not ok") {
		t.Errorf("error %v:\n%s", err, out)
	}
	if out, err := runLoad(t, "init", filepath.Join(root, "loadgen", "draft", "testdata", "browser.har")); err != nil || !strings.Contains(out, "shop.test") {
		t.Errorf("error %v:\n%s", err, out)
	}
	if _, err := runLoad(t, "init", first); err == nil {
		t.Error("a load file was taken for an API's description")
	}
}

// All keys of a load are read.
func TestLoadFileKeys(t *testing.T) {
	l, err := spec.ParseLoad("dir/all.yaml", []byte(`
base: http://x
for: 1m
seed: 9
rate: 100/s
timeout: 2s
limit: 300ms
users: 5
catch_up: 1.5
shape: {sine: {period: 10s, swing: 50/s}, poisson: true}
client: {http2: true, streams: 20, max_age: 30s, idle: 5s, per_user: 2, dns: ttl, resolver: "127.0.0.1:53", insecure: true, name: x.test}
data: {people: {file: people.csv, pick: user}}
ops: [{name: a, class: read, path: "/{{data people name}}"}]
`))
	if err != nil {
		t.Fatal(err)
	}
	p := l.Load
	if p.Seed != 9 || p.CatchUp != 1.5 || !p.Shape.Poisson || p.Shape.Sine.Swing != 50 || p.Client.Streams != 20 || p.Client.PerUser != 2 ||
		p.Client.DNS != "ttl" || p.Data["people"].File != "dir/people.csv" || p.Data["people"].Pick != "user" || p.Connections < 225 {
		t.Errorf("%+v", p)
	}
}
