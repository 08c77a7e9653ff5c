package peers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// job is the load that each tool is asked for.
type job struct {
	url         string
	method      string
	rate        int
	length      time.Duration
	timeout     time.Duration
	connections int  // at most, where the tool can bound them
	users       int  // k6: virtual users, each with connections of its own; 0: as many as connections
	burst       bool // ours: overdue requests are sent at once
	unbounded   bool // as many connections as the rate and the timeout ask for
}

// result is what a tool says, and what it cost.
type result struct {
	sent          int     // requests, as the tool counts them; what it says it left out is not among them
	dropped       int     // left out, where the tool says so
	bad           float64 // share of what should have been sent that was not answered well, as the tool reports it
	failed        int     // requests, as the tool reports them
	p90, p95, p99 time.Duration
	cpu           time.Duration
	rss           int64 // bytes, highest
	text          string
}

// tool is a load generator.
type tool struct {
	name   string
	open   bool // it can be asked for a rate
	run    func(dir string, j job) (*exec.Cmd, error)
	report func(dir string, j job, out []byte) (result, error)
}

// tools are ours, and the others that are on PATH.
func tools(b *testing.B) []tool {
	b.Helper()
	all := []tool{gauntlet(b)}
	for _, t := range []tool{{"vegeta", true, vegetaRun, vegetaReport}, {"fortio", true, fortioRun, fortioReport}, {"k6", true, k6Run, k6Report}, {"wrk", false, wrkRun, wrkReport}} {
		if _, err := exec.LookPath(t.name); err != nil {
			b.Logf("%s is not installed and was left out", t.name)
			continue
		}
		all = append(all, t)
	}
	return all
}

// generatorCPU keeps all tools off the server's processor.
var generatorCPU = flag.String("generator-cpu", "", "run each tool on this processor only, by taskset; run the benchmark itself on another one")

// use runs a tool to its end.
func (t tool) use(b *testing.B, j job) result {
	b.Helper()
	dir := b.TempDir()
	j.method = cmp.Or(j.method, "GET")
	cmd, err := t.run(dir, j)
	if err != nil {
		b.Fatal(err)
	}
	stdin := cmd.Stdin
	if *generatorCPU != "" {
		cmd = exec.Command("taskset", append([]string{"-c", *generatorCPU}, cmd.Args...)...)
		cmd.Stdin = stdin
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	peak := watchMemory(cmd.Process.Pid)
	_ = cmd.Wait() // an exit code other than 0 may only say that requests failed
	r, err := t.report(dir, j, out.Bytes())
	if err != nil {
		b.Fatalf("%s: %v\n%s\n%s", t.name, err, out.String(), errs.String())
	}
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if r.rss = peak(); r.rss == 0 { // no Linux
		if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			r.rss = u.Maxrss << 10
		}
	}
	return r
}

// watchMemory follows the highest resident memory of a process, in bytes, until the returned function is called, which tells it.
//
// Note: on Linux ru_maxrss will not do: a child begins with what its parent, here this benchmark with its server, held when it was forked.
func watchMemory(pid int) (peak func() int64) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	var most int64
	all.Go(func() {
		for ctx.Err() == nil {
			most = max(most, highWater(pid))
			time.Sleep(20 * time.Millisecond)
		}
	})
	return func() int64 {
		cancel()
		all.Wait()
		return most
	}
}

// highWater is the highest resident memory of a process so far, in bytes; 0: not known.
func highWater(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// gauntlet builds our own executable once for each benchmark.
func gauntlet(b *testing.B) tool {
	b.Helper()
	exe := filepath.Join(b.TempDir(), "gauntlet")
	build := exec.Command("go", "build", "-o", exe, "gauntlet/cmd/gauntlet")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return tool{"gauntlet", true, func(dir string, j job) (*exec.Cmd, error) {
		file, class := filepath.Join(dir, "load.yaml"), "read"
		if j.method != "GET" {
			class = "write"
		}
		text := fmt.Sprintf("base: %q\nrate: %d/s\nfor: %s\ntimeout: %s\nlimit: %s\nops: [{name: op, class: %s, method: %s, path: /}]\n", j.url[:len(j.url)-1], j.rate, j.length, j.timeout, j.timeout, class, j.method)
		if !j.unbounded {
			text += fmt.Sprintf("connections: %d\n", j.connections)
		}
		if j.burst {
			text += "catch_up: 0\n"
		}
		return exec.Command(exe, "load", file, "--json"), os.WriteFile(file, []byte(text), 0o600)
	}, gauntletReport}
}

func gauntletReport(_ string, _ job, out []byte) (result, error) {
	var s struct {
		Lag struct {
			P99 int64 `json:"p99_ns"`
		}
		All struct {
			Planned, OK, Fail, Info, Missed int
			Errors                          map[string]int
			Latency                         struct {
				P90 int64 `json:"p90_ns"`
				P95 int64 `json:"p95_ns"`
				P99 int64 `json:"p99_ns"`
			}
		}
	}
	err := json.Unmarshal(out, &s)
	a := s.All
	if err == nil && (a.Planned == 0 || a.OK+a.Fail+a.Info+a.Missed != a.Planned) {
		err = fmt.Errorf("%d planned requests, but %d ended", a.Planned, a.OK+a.Fail+a.Info+a.Missed)
	}
	return result{
		text: fmt.Sprintf("not ok: %v; send lag p99 %v", a.Errors, time.Duration(s.Lag.P99)),
		sent: a.Planned - a.Missed, dropped: a.Missed, bad: 1 - float64(a.OK)/float64(a.Planned), failed: a.Fail + a.Info,
		p90: time.Duration(a.Latency.P90), p95: time.Duration(a.Latency.P95), p99: time.Duration(a.Latency.P99),
	}, err
}

// vegetaRun bounds the workers, or with unbounded leaves vegeta as it comes.
func vegetaRun(dir string, j job) (*exec.Cmd, error) {
	args := []string{"attack", "-rate=" + strconv.Itoa(j.rate), "-duration=" + j.length.String(), "-timeout=" + j.timeout.String(), "-output=" + filepath.Join(dir, "vegeta.bin")}
	if !j.unbounded {
		args = append(args, fmt.Sprintf("-workers=%d", j.connections), fmt.Sprintf("-max-workers=%d", j.connections), fmt.Sprintf("-connections=%d", j.connections))
	}
	cmd := exec.Command("vegeta", args...)
	cmd.Stdin = bytes.NewReader([]byte(j.method + " " + j.url + "\n"))
	return cmd, nil
}

func vegetaReport(dir string, _ job, _ []byte) (result, error) {
	out, err := exec.Command("vegeta", "report", "-type=json", filepath.Join(dir, "vegeta.bin")).Output()
	if err != nil {
		return result{}, err
	}
	var s struct {
		Requests  int
		Success   float64
		Latencies map[string]int64
	}
	err = json.Unmarshal(out, &s)
	l := func(name string) time.Duration { return time.Duration(s.Latencies[name]) }
	return result{sent: s.Requests, bad: 1 - s.Success, failed: int(float64(s.Requests)*(1-s.Success) + .5), p90: l("90th"), p95: l("95th"), p99: l("99th")}, err
}

func fortioRun(dir string, j job) (*exec.Cmd, error) {
	args := []string{"load", "-quiet", "-uniform", "-allow-initial-errors", "-qps", strconv.Itoa(j.rate), "-t", j.length.String(), "-c", strconv.Itoa(j.connections),
		"-timeout", j.timeout.String(), "-p", "90,95,99", "-r", "0.0001", "-json", filepath.Join(dir, "fortio.json")}
	if j.method == "POST" {
		args = append(args, "-payload", "x")
	}
	return exec.Command("fortio", append(args, j.url)...), nil
}

func fortioReport(dir string, _ job, _ []byte) (result, error) {
	out, err := os.ReadFile(filepath.Join(dir, "fortio.json"))
	if err != nil {
		return result{}, err
	}
	var s struct {
		RetCodes          map[string]int
		DurationHistogram struct {
			Count       int
			Percentiles []struct{ Percentile, Value float64 }
		}
	}
	err = json.Unmarshal(out, &s)
	l := map[float64]time.Duration{}
	for _, p := range s.DurationHistogram.Percentiles {
		l[p.Percentile] = time.Duration(p.Value * float64(time.Second))
	}
	n := s.DurationHistogram.Count
	return result{sent: n, failed: n - s.RetCodes["200"], bad: 1 - float64(s.RetCodes["200"])/float64(max(1, n)), p90: l[90], p95: l[95], p99: l[99]}, err
}

const k6Script = `import http from 'k6/http';
export const options = {
  discardResponseBodies: true, summaryTrendStats: ['p(90)', 'p(95)', 'p(99)'],
  scenarios: {s: {executor: 'constant-arrival-rate', rate: %d, timeUnit: '1s', duration: '%s', preAllocatedVUs: %d, maxVUs: %d, gracefulStop: '%s'}},
};
export default function () { http.request(%q, %q, null, {timeout: '%s'}); }
export function handleSummary(data) { return {%q: JSON.stringify(data)}; }
`

func k6Run(dir string, j job) (*exec.Cmd, error) {
	file, users := filepath.Join(dir, "k6.js"), cmp.Or(j.users, j.connections)
	text := fmt.Sprintf(k6Script, j.rate, j.length, users, users, j.timeout, j.method, j.url, j.timeout, filepath.Join(dir, "k6.json"))
	return exec.Command("k6", "run", "--quiet", "--no-usage-report", "--no-color", "--log-output=none", file), os.WriteFile(file, []byte(text), 0o600)
}

func k6Report(dir string, j job, _ []byte) (result, error) {
	out, err := os.ReadFile(filepath.Join(dir, "k6.json"))
	if err != nil {
		return result{}, err
	}
	var s struct {
		Metrics map[string]struct{ Values map[string]float64 }
	}
	err = json.Unmarshal(out, &s)
	v := func(metric, value string) float64 { return s.Metrics[metric].Values[value] }
	l := func(q string) time.Duration {
		return time.Duration(v("http_req_duration", q) * float64(time.Millisecond))
	}
	sent, dropped := v("http_reqs", "count"), v("dropped_iterations", "count")
	failed := v("http_req_failed", "rate") * sent
	return result{sent: int(sent), dropped: int(dropped), failed: int(failed + .5), bad: (failed + dropped) / max(1, sent+dropped), p90: l("p(90)"), p95: l("p(95)"), p99: l("p(99)")}, err
}

// wrkRun has a loop that is closed: it knows no rate.
func wrkRun(_ string, j job) (*exec.Cmd, error) {
	return exec.Command("wrk", "-t1", "-c"+strconv.Itoa(j.connections), "-d"+j.length.String(), "--timeout", j.timeout.String(), "--latency", j.url), nil
}

var (
	wrkRequests = regexp.MustCompile(`(\d+) requests in`)
	wrkLatency  = regexp.MustCompile(`(90|99)%\s+([0-9.]+[mun]?s)`)
	wrkErrors   = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
)

func wrkReport(_ string, _ job, out []byte) (result, error) {
	r := result{text: string(out)}
	m := wrkRequests.FindSubmatch(out)
	if m == nil {
		return r, fmt.Errorf("no count of requests")
	}
	r.sent, _ = strconv.Atoi(string(m[1])) // digits
	for _, m := range wrkLatency.FindAllSubmatch(out, -1) {
		d, err := time.ParseDuration(string(m[2]))
		if err != nil {
			return r, err
		}
		if r.p99 = d; string(m[1]) == "90" {
			r.p90, r.p99 = d, 0
		}
	}
	if m := wrkErrors.FindSubmatch(out); m != nil {
		for _, n := range m[1:] {
			x, _ := strconv.Atoi(string(n)) // digits
			r.failed += x
		}
	}
	r.bad = float64(r.failed) / float64(max(1, r.sent))
	return r, nil
}
