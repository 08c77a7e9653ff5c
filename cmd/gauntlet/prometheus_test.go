package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gauntlet/compose"
	"gauntlet/experiments/monitor"
)

// What a run has recorded must open in a real Prometheus.
func TestARealPrometheusOpensTheDatabase(t *testing.T) {
	needDocker(t)
	eng, err := compose.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	if err := eng.Build(t.Context(), compose.Topology{Targets: []string{"prometheus"}}, func(line string) { t.Log(line) }); err != nil {
		t.Fatal(err)
	}
	dir, last := recordedDatabase(t)
	base := startPrometheus(t, dir)
	query := base + "/api/v1/query?" + url.Values{"query": {`rate(answers_total{code="5xx"}[20s])`}, "time": {fmt.Sprint(last.Unix())}}.Encode()
	var got string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if got = answerOf(query); strings.Contains(got, `"value":[`) {
			break
		}
	}
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := json.Unmarshal([]byte(got), &answer); err != nil || len(answer.Data.Result) != 1 || answer.Data.Result[0].Value[1] != "2" {
		t.Errorf("Prometheus answered %s (%v), want a rate of 2", got, err)
	}
}

// recordedDatabase is a minute of a counter that grows by 2 a second, and the time of its last sample.
func recordedDatabase(t *testing.T) (dir string, last time.Time) {
	t.Helper()
	dir = t.TempDir()
	store, err := monitor.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	last = time.Now().Truncate(time.Second)
	for i := range 61 {
		s := monitor.Sample{Name: "answers_total", Labels: []string{"code", "5xx"}, Value: float64(2 * i)}
		if err := store.Append(context.Background(), last.Add(time.Duration(i-60)*time.Second), []monitor.Sample{s}); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, last
}

// startPrometheus starts one on a copy of the database and returns its address.
func startPrometheus(t *testing.T, dir string) string {
	t.Helper()
	docker := func(args ...string) string {
		out, err := exec.Command("docker", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	id := docker("create", "--label", "gauntlet.owner=gauntlet", "--publish", "127.0.0.1::9090", "--memory", "256m", "gauntlet/prometheus:latest")
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(docker("logs", id))
		}
		docker("rm", "--force", "--volumes", id)
	})
	docker("cp", dir+"/.", id+":/data")
	docker("start", id)
	return "http://" + docker("port", id, "9090/tcp")
}

func answerOf(query string) string {
	resp, err := http.Get(query)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}
