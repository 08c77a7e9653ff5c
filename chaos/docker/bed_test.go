package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"

	"gauntlet/chaos"
	"gauntlet/chaos/chaostest"
	"gauntlet/chaos/docker"
	"gauntlet/cmd/exclusive"
)

// testLabel is on everything that these tests start, with the process's own mark as its value.
const testLabel = "gauntlet.chaostest"

var mark = strings.ToLower(rand.Text()[:8])

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		os.Exit(child(dir))
	}
	release := exclusive.Acquire()
	code := chaostest.Main(m)
	if os.Getenv("GAUNTLET_DOCKER") != "off" {
		code = max(code, sweep())
	}
	release()
	os.Exit(code)
}

// needDocker fails without an engine, unless the user said that there is none.
func needDocker(t testing.TB) *client.Client {
	t.Helper()
	if os.Getenv("GAUNTLET_DOCKER") == "off" {
		t.Skip("GAUNTLET_DOCKER=off: not tested: faults on real containers")
	}
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.Close() })
	if _, err := cli.Ping(t.Context()); err != nil {
		t.Fatalf("these tests need a Docker engine (GAUNTLET_DOCKER=off leaves them out): %v", err)
	}
	return cli
}

// imageOnce builds the image of testdata/member once per process, without a registry.
var imageOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "member")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin := filepath.Join(dir, "member")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, "./testdata/member")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build testdata/member: %w\n%s", err, out)
	}
	layer, err := tarOf(bin)
	if err != nil {
		return "", err
	}
	return importImage(layer)
})

func tarOf(bin string) (io.Reader, error) {
	text, err := os.ReadFile(bin)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := w.WriteHeader(&tar.Header{Name: "member", Mode: 0o755, Size: int64(len(text))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	return &buf, w.Close()
}

func importImage(layer io.Reader) (string, error) {
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return "", err
	}
	defer func() { _ = cli.Close() }()
	ref := "gauntlet-chaostest:" + mark
	out, err := cli.ImageImport(context.Background(), image.ImportSource{Source: layer, SourceName: "-"}, ref,
		image.ImportOptions{Changes: []string{`ENTRYPOINT ["/member"]`, "LABEL " + testLabel + "=" + mark}})
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.Discard, out)
	return ref, closeBoth(err, out)
}

func closeBoth(err error, c io.Closer) error {
	if cerr := c.Close(); err == nil {
		err = cerr
	}
	return err
}

// sweep removes what the tests left, and the image. Left containers are a failure.
func sweep() int {
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return 1
	}
	defer func() { _ = cli.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	mine := filters.NewArgs(filters.Arg("label", testLabel+"="+mark))
	left, err := cli.ContainerList(ctx, container.ListOptions{All: true, Filters: mine})
	if err != nil {
		fmt.Fprintln(os.Stderr, "sweep:", err)
		return 1
	}
	for _, c := range left {
		fmt.Fprintln(os.Stderr, "left behind by the tests:", c.Names)
		_ = cli.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true})
	}
	images, err := cli.ImageList(ctx, image.ListOptions{Filters: mine})
	for _, i := range images {
		_, err = cli.ImageRemove(ctx, i.ID, image.RemoveOptions{Force: true, PruneChildren: true})
	}
	if err != nil || len(left) > 0 {
		return 1
	}
	return 0
}

// yard is one Compose project of responders.
type yard struct {
	cli     *client.Client
	image   string
	project string
	addr    map[string]string // by printed name
	ids     map[string]string
}

func newYard(t testing.TB) *yard {
	t.Helper()
	cli := needDocker(t)
	ref, err := imageOnce()
	if err != nil {
		t.Fatal(err)
	}
	return &yard{cli: cli, image: ref, project: "chaostest-" + strings.ToLower(rand.Text()[:8]), addr: map[string]string{}, ids: map[string]string{}}
}

// start adds a container. Its port on 127.0.0.1 is fixed, so that it survives a restart.
func (y *yard) start(t testing.TB, name, service, number string, labels map[string]string) {
	t.Helper()
	all := map[string]string{testLabel: mark, "com.docker.compose.project": y.project, "com.docker.compose.service": service, "com.docker.compose.container-number": number}
	for k, v := range labels {
		all[k] = v
	}
	port := freePort(t)
	created, err := y.cli.ContainerCreate(t.Context(),
		&container.Config{Image: y.image, Labels: all, ExposedPorts: nat.PortSet{"8080/tcp": {}}},
		&container.HostConfig{
			PortBindings:  nat.PortMap{"8080/tcp": {{HostIP: "127.0.0.1", HostPort: port}}},
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyAlways}, Resources: container.Resources{Memory: 64 << 20},
		}, nil, nil, y.project+"_"+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { y.remove(y.full(name)) }) // by name: it may have been made again
	if err := y.cli.ContainerStart(t.Context(), created.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	y.addr[name], y.ids[name] = "127.0.0.1:"+port, created.ID
	y.mustAnswer(t, name)
}

// full is the engine's name of a container, which stays when it is made again.
func (y *yard) full(name string) string {
	if name == "echo" && y.ids["echo-1"] != "" {
		name = "echo-1" // see newBed
	}
	return y.project + "_" + name
}

func (y *yard) remove(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_ = y.cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
}

// freePort is a port below the range from which the kernel takes ports for clients.
func freePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		b := make([]byte, 2)
		_, _ = rand.Read(b)
		port := fmt.Sprint(20000 + (int(b[0])<<8|int(b[1]))%12000)
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

// answer asks a container as a client would.
func (y *yard) answer(ctx context.Context, name string) (string, error) { return y.ask(ctx, name, "/") }

// ask asks for a path, on a connection of its own; see testdata/member.
func (y *yard) ask(ctx context.Context, name, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+y.addr[name]+path, nil)
	if err != nil {
		return "", err
	}
	res, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return "", err
	}
	life, err := io.ReadAll(res.Body)
	return string(life), closeBoth(err, res.Body)
}

func (y *yard) mustAnswer(t testing.TB, name string) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err = y.answer(t.Context(), name); err == nil {
			return
		}
	}
	t.Fatalf("%s does not answer: %v", name, err)
}

// scoped are the options for this project.
func (y *yard) scoped(o docker.Options) docker.Options {
	o.Project = y.project
	return o
}

func (y *yard) runtime(t *testing.T, o docker.Options) *docker.Runtime {
	t.Helper()
	rt, err := docker.New(t.Context(), y.scoped(o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	return rt
}

// copyInto writes a file into a folder of a container.
func (y *yard) copyInto(t *testing.T, id, folder, text string) {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	err := w.WriteHeader(&tar.Header{Name: "note", Mode: 0o644, Size: int64(len(text))})
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err = errors.Join(err, w.Close()); err == nil {
		err = y.cli.CopyToContainer(t.Context(), id, folder, &buf, container.CopyToContainerOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// copyFrom reads it back; "" if it is not there.
func (y *yard) copyFrom(t *testing.T, id, folder string) string {
	t.Helper()
	out, _, err := y.cli.CopyFromContainer(t.Context(), id, folder+"/note")
	if err != nil {
		return ""
	}
	defer func() { _ = out.Close() }()
	r := tar.NewReader(out)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// withAgents are options with which agents can be started. The lease is long, because a busy machine may not let this process
// renew it in time; what these tests end, they end by closing the line.
func (y *yard) withAgents() docker.Options {
	return docker.Options{
		Image: y.image, AgentCommand: []string{"/member", "agent"}, HelperCommand: []string{"/member", "hostkill"}, Lease: 10 * time.Second,
	}
}

// do carries out an operation on a container by name.
func (y *yard) do(t *testing.T, rt *docker.Runtime, name string, op chaos.Op) (chaos.Effect, error) {
	t.Helper()
	return rt.Do(t.Context(), chaos.Target{ID: y.ids[name], Name: name}, "", op)
}

// newBed is a bed for the conformance suite.
func newBed(t *testing.T, o docker.Options) chaostest.Bed {
	y := newYard(t)
	y.start(t, "echo-1", "echo", "1", nil)
	y.start(t, "echo-2", "echo", "2", nil)
	o.Image, o.HelperCommand = y.image, []string{"/member", "hostkill"} // used if this process is not root
	// After a removal the other one is alone in its service and is printed without its number.
	y.addr["echo"], y.ids["echo"] = y.addr["echo-1"], y.ids["echo-1"]
	return chaostest.Bed{
		Runtime: y.runtime(t, o), Service: "echo", Answer: y.answer,
		Remove: func(ctx context.Context, name string) error {
			return y.cli.ContainerRemove(ctx, y.full(name), container.RemoveOptions{Force: true})
		},
		Exit: func(ctx context.Context, name string) error { return y.cli.ContainerKill(ctx, y.full(name), "SIGKILL") },
	}
}

func names(all []chaos.Container) []string {
	var out []string
	for _, c := range all {
		out = append(out, c.Name)
	}
	return out
}
