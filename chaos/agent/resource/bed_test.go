//go:build linux

package resource

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"

	"gauntlet/chaos"
	"gauntlet/chaos/agent"
	"gauntlet/chaos/chaostest"
	"gauntlet/cmd/exclusive"
)

var _ agent.Worker = (*Worker)(nil)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// TestMain also plays the child that a worker in this process starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ChildVerb {
		if err := Child(context.Background(), os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(chaostest.Main(m))
}

// bed is an image with the subject in it, and an engine.
type bed struct {
	cli   *client.Client
	image string
}

// newBed fails without an engine, unless the user said that there is none. It removes the image at the end.
func newBed(t *testing.T) *bed {
	t.Helper()
	if os.Getenv("GAUNTLET_DOCKER") == "off" {
		t.Skip("GAUNTLET_DOCKER=off: not tested: resources of real containers")
	}
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.Close() })
	if _, err := cli.Ping(t.Context()); err != nil {
		t.Fatalf("these tests need a Docker engine (GAUNTLET_DOCKER=off leaves them out): %v", err)
	}
	exclusive.Turn(t)
	b := &bed{cli: cli, image: "gauntlet-resourcetest:" + strings.ToLower(rand.Text()[:8])}
	out, err := cli.ImageImport(t.Context(), image.ImportSource{Source: subject(t), SourceName: "-"}, b.image,
		image.ImportOptions{Changes: []string{`ENTRYPOINT ["/subject"]`}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := cli.ImageRemove(context.Background(), b.image, image.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
	_, err = io.Copy(io.Discard, out)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

// subject is a layer with the executable.
func subject(t *testing.T) io.Reader {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "subject")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, "./testdata/subject")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the subject: %v\n%s", err, out)
	}
	text, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	err = w.WriteHeader(&tar.Header{Name: "subject", Mode: 0o755, Size: int64(len(text))})
	if err == nil {
		_, err = w.Write(text)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return &buf
}

// box is one container that answers HTTP.
type box struct {
	*bed
	id   string
	pid  int
	base string // of URLs
}

// run starts a container and waits until it answers. It is removed at the end, with its volumes.
func (b *bed) run(t *testing.T, role string, host *container.HostConfig, args ...string) *box {
	t.Helper()
	host.PortBindings = nat.PortMap{"8080/tcp": {{HostIP: "127.0.0.1"}}}
	config := &container.Config{Image: b.image, Cmd: append([]string{role}, args...), ExposedPorts: nat.PortSet{"8080/tcp": {}}}
	if role == "target" {
		config.Volumes = map[string]struct{}{"/data": {}}
	}
	made, err := b.cli.ContainerCreate(t.Context(), config, host, nil, nil, "resourcetest-"+role+"-"+strings.ToLower(rand.Text()[:8]))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.cli.ContainerRemove(ctx, made.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			t.Error(err)
		}
	})
	x := &box{bed: b, id: made.ID}
	x.start(t)
	return x
}

// start starts the container, again if need be, and waits until it answers.
func (x *box) start(t *testing.T) {
	t.Helper()
	if err := x.cli.ContainerStart(t.Context(), x.id, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	info, err := x.cli.ContainerInspect(t.Context(), x.id)
	if err != nil {
		t.Fatal(err)
	}
	ports := info.NetworkSettings.Ports["8080/tcp"]
	if len(ports) == 0 {
		t.Fatalf("no port is published: %+v", info.State)
	}
	x.pid, x.base = info.State.Pid, "http://127.0.0.1:"+ports[0].HostPort
	eventually(t, "answer of a container", func() error { _, err := x.ask(t, "/df?path=/", nil); return answered(err) })
}

// errSaid is an answer other than 200.
type errSaid struct {
	code int
	text string
}

func (e errSaid) Error() string { return fmt.Sprintf("%d: %s", e.code, e.text) }

// answered is nil if there was any answer.
func answered(err error) error {
	var said errSaid
	if errors.As(err, &said) {
		return nil
	}
	return err
}

// ask sends a request on a connection of its own.
func (x *box) ask(t *testing.T, path string, op *chaos.Op) (string, error) {
	t.Helper()
	method, body := http.MethodGet, []byte(nil)
	if op != nil {
		var err error
		if body, err = json.Marshal(op); err != nil {
			t.Fatal(err)
		}
		method = http.MethodPost
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, x.base+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	res, err := tr.RoundTrip(req)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", errSaid{res.StatusCode, strings.TrimSpace(string(text))}
	}
	return string(text), nil
}

// number is ask for an answer that is one.
func (x *box) number(t *testing.T, path string) float64 {
	t.Helper()
	text, err := x.ask(t, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// eventually waits until f is nil.
func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not within %s: %v", what, patience, err)
}

// newTarget starts a container to disturb.
func (b *bed) newTarget(t *testing.T) *box {
	t.Helper()
	return b.run(t, "target", &container.HostConfig{
		Tmpfs:     map[string]string{"/ram": "size=64m"},
		Resources: container.Resources{Memory: targetMemory, MemorySwap: targetMemory},
	})
}

const targetMemory = 192 << 20

// newWorker starts a worker as Gauntlet does: with the host's processes and control groups.
func (b *bed) newWorker(t *testing.T, target *box) *box {
	t.Helper()
	return b.run(t, "worker", &container.HostConfig{
		PidMode: "host", UsernsMode: "host", CgroupnsMode: "host", Binds: []string{"/sys/fs/cgroup:/sys/fs/cgroup"},
		CapDrop: []string{"ALL"}, CapAdd: []string{"SYS_PTRACE", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "CHOWN", "KILL", "SYS_ADMIN"},
		SecurityOpt: []string{"apparmor=unconfined", "label=disable"},
	}, target.id, strconv.Itoa(target.pid))
}

// apply has the worker begin, and checks that it holds.
func (x *box) apply(t *testing.T, id string, r chaos.ResourceLoad) {
	t.Helper()
	began := time.Now()
	proof, err := x.ask(t, "/apply?id="+url.QueryEscape(id), &chaos.Op{Verb: chaos.VerbResource, Resource: &r})
	if err != nil {
		t.Fatalf("Apply(%s) = %v", id, err)
	}
	t.Logf("after %s: %s", time.Since(began).Round(time.Millisecond), proof)
	if _, err := x.ask(t, "/check?id="+url.QueryEscape(id), nil); err != nil {
		t.Errorf("Check(%s) = %v", id, err)
	}
}

// clear has the worker end it, twice.
func (x *box) clear(t *testing.T, id string, r chaos.ResourceLoad) {
	t.Helper()
	for range 2 {
		if _, err := x.ask(t, "/clear?id="+url.QueryEscape(id), &chaos.Op{Verb: chaos.VerbResource, Resource: &r}); err != nil {
			t.Errorf("Clear(%s) = %v", id, err)
		}
	}
	if _, err := x.ask(t, "/check?id="+url.QueryEscape(id), nil); err == nil {
		t.Errorf("Check(%s) after Clear = nil, want an error", id)
	}
}

// stats are what the engine reads from the container's cgroup.
func (x *box) stats(t *testing.T) container.StatsResponse {
	t.Helper()
	res, err := x.cli.ContainerStatsOneShot(t.Context(), x.id)
	if err != nil {
		t.Fatal(err)
	}
	var s container.StatsResponse
	if err := errors.Join(json.NewDecoder(res.Body).Decode(&s), res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return s
}

// cores is how many cores the container used over some time.
func (x *box) cores(t *testing.T, over time.Duration) float64 {
	t.Helper()
	before, began := x.stats(t).CPUStats.CPUUsage.TotalUsage, time.Now()
	time.Sleep(over)
	after := x.stats(t).CPUStats.CPUUsage.TotalUsage
	return float64(after-before) / float64(time.Since(began))
}

// memoryShare is how much of its limit the container uses.
func (x *box) memoryShare(t *testing.T) float64 {
	t.Helper()
	m := x.stats(t).MemoryStats
	return float64(m.Usage) / float64(m.Limit)
}

// newObserver starts a container that sees the host's processes, and outlives workers.
func (b *bed) newObserver(t *testing.T) *box {
	t.Helper()
	return b.run(t, "observer", &container.HostConfig{PidMode: "host"})
}

// children is how many processes of a worker are at work on the target.
func (x *box) children(t *testing.T, target *box) float64 {
	t.Helper()
	return x.number(t, fmt.Sprint("/children?pid=", target.pid))
}
