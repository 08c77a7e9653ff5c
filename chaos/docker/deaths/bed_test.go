package deaths

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
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
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"

	"gauntlet/chaos/chaostest"
	"gauntlet/cmd/exclusive"
)

var long = flag.Bool("long", false, "each kind of fault with each death, and 200 deaths at random moments")

// mark is on everything that these tests start.
var mark = "deaths-" + strings.ToLower(rand.Text()[:8])

const testLabel = "gauntlet.deaths"

func TestMain(m *testing.M) {
	flag.Parse()
	release := exclusive.Acquire()
	code := chaostest.Main(m)
	if os.Getenv("GAUNTLET_DOCKER") != "off" {
		code = max(code, sweep())
	}
	release()
	times.print(os.Stdout)
	os.Exit(code)
}

func engine(t testing.TB) *client.Client {
	t.Helper()
	if testing.Short() || os.Getenv("GAUNTLET_DOCKER") == "off" {
		t.Skip("GAUNTLET_DOCKER=off or -short: not tested: that no fault outlives Gauntlet, agents, janitor and targets")
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

// executable builds Gauntlet once.
var executable = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gauntlet-deaths-")
	if err != nil {
		return "", err
	}
	exe := filepath.Join(dir, "gauntlet")
	return exe, build(exe, "gauntlet/cmd/gauntlet")
})

func build(to, pkg string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", to, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// targetImage builds the image of testdata/target once, without a registry.
var targetImage = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "target-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin := filepath.Join(dir, "target")
	if err := build(bin, "./testdata/target"); err != nil {
		return "", err
	}
	text, err := os.ReadFile(bin)
	if err != nil {
		return "", err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "target", Mode: 0o755, Size: int64(len(text))}); err != nil {
		return "", err
	}
	if _, err := w.Write(text); err != nil {
		return "", err
	}
	return importImage(&layer, w.Close())
})

func importImage(layer io.Reader, err error) (string, error) {
	cli, cerr := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err = errors.Join(err, cerr); err != nil {
		return "", err
	}
	defer func() { _ = cli.Close() }()
	ref := "gauntlet-deaths:" + mark
	out, err := cli.ImageImport(context.Background(), image.ImportSource{Source: layer, SourceName: "-"}, ref,
		image.ImportOptions{Changes: []string{`ENTRYPOINT ["/target"]`, "LABEL " + testLabel + "=" + mark}})
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.Discard, out)
	return ref, errors.Join(err, out.Close())
}

// sweep removes the image and says what tests have left.
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
	for _, c := range left {
		fmt.Fprintln(os.Stderr, "left behind by the tests:", c.Names)
		_ = cli.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	}
	if ref, rerr := targetImage(); rerr == nil {
		_, _ = cli.ImageRemove(ctx, ref, image.RemoveOptions{Force: true, PruneChildren: true})
	}
	if exe, eerr := executable(); eerr == nil {
		_ = os.RemoveAll(filepath.Dir(exe))
	}
	if err != nil || len(left) > 0 {
		return 1
	}
	return 0
}

// yard is a Compose project of two members, a and b, of which a is disturbed.
type yard struct {
	cli     *client.Client
	image   string
	exe     string
	project string
	state   string            // Gauntlet's folder
	addr    map[string]string // by name
	volumes []string          // that the engine made; one of a member that was removed outlives it
}

func newYard(t *testing.T) *yard {
	t.Helper()
	y := &yard{cli: engine(t), project: mark + "-" + strings.ToLower(rand.Text()[:6]), state: t.TempDir(), addr: map[string]string{}}
	var err error
	if y.image, err = targetImage(); err != nil {
		t.Fatal(err)
	}
	if y.exe, err = executable(); err != nil {
		t.Fatal(err)
	}
	created, err := y.cli.NetworkCreate(t.Context(), y.project, network.CreateOptions{Labels: map[string]string{testLabel: mark}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { y.clean(created.ID) })
	for _, name := range []string{"a", "b"} {
		y.addr[name] = "127.0.0.1:" + freePort(t)
		y.start(t, name)
	}
	return y
}

// clean removes the network and whatever of the project is left, such as what a janitor made again.
func (y *yard) clean(net string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	all, _ := y.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "com.docker.compose.project="+y.project))})
	for _, c := range all {
		_ = y.cli.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		for _, m := range c.Mounts { // the engine takes that of a container that was made again for a named one, and keeps it
			if m.Name != "" {
				_ = y.cli.VolumeRemove(ctx, m.Name, false)
			}
		}
	}
	for _, v := range y.volumes {
		_ = y.cli.VolumeRemove(ctx, v, false)
	}
	_ = y.cli.NetworkRemove(ctx, net)
}

// start makes a member. Its port is fixed, so that it is the same after a restart.
func (y *yard) start(t *testing.T, name string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(y.addr[name])
	created, err := y.cli.ContainerCreate(t.Context(), &container.Config{
		Image: y.image, ExposedPorts: nat.PortSet{"8080/tcp": {}}, Volumes: map[string]struct{}{"/disk": {}},
		Labels: map[string]string{
			testLabel: mark, "com.docker.compose.project": y.project, "com.docker.compose.service": name, "com.docker.compose.container-number": "1",
		},
	}, &container.HostConfig{
		PortBindings: nat.PortMap{"8080/tcp": {{HostIP: host, HostPort: port}}}, RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyAlways},
		Resources: container.Resources{Memory: 128 << 20, NanoCPUs: 1e9}, Tmpfs: map[string]string{"/data": "size=64m"},
	}, &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{y.project: {Aliases: []string{name}}}}, nil, y.project+"_"+name+"_1")
	if err != nil {
		t.Fatal(err)
	}
	if err := y.cli.ContainerStart(t.Context(), created.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	if info, err := y.cli.ContainerInspect(t.Context(), created.ID); err == nil {
		for _, m := range info.Mounts {
			y.volumes = append(y.volumes, m.Name)
		}
	}
}

// full is the engine's name of a member.
func (y *yard) full(name string) string { return y.project + "_" + name + "_1" }

// freePort is a port below the range from which the kernel takes ports for clients.
func freePort(t *testing.T) string {
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

// ask asks a member, on a connection of its own. What it could not do is an error.
func (y *yard) ask(ctx context.Context, name, path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	q := url.Values{}
	for i := 0; i+1 < len(args); i += 2 {
		q.Set(args[i], args[i+1])
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+y.addr[name]+path+"?"+q.Encode(), nil)
	if err != nil {
		return "", err
	}
	res, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", res.StatusCode, bytes.TrimSpace(text))
	}
	return string(text), err
}

// helpers are Gauntlet's own containers in the project, by role and state; "" is every role, no state all of them.
func (y *yard) helpers(ctx context.Context, role string, states ...string) ([]string, error) {
	label := "gauntlet.internal"
	if role != "" {
		label += "=" + role
	}
	f := filters.NewArgs(filters.Arg("label", label), filters.Arg("label", "gauntlet.project="+y.project))
	for _, s := range states {
		f.Add("status", s)
	}
	all, err := y.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: f})
	var out []string
	for _, c := range all {
		out = append(out, c.ID)
	}
	return out, err
}

// kill ends Gauntlet's containers of a role.
func (y *yard) kill(t *testing.T, role string) {
	t.Helper()
	ids, err := y.helpers(t.Context(), role)
	if err != nil || len(ids) == 0 {
		t.Fatalf("no %s to kill: %v", role, err)
	}
	for _, id := range ids {
		if err := y.cli.ContainerKill(t.Context(), id, "SIGKILL"); err != nil {
			t.Logf("kill %s: %v", role, err)
		}
	}
}

// recreate removes a member and makes it again.
func (y *yard) recreate(t *testing.T, name string) {
	t.Helper()
	if err := y.cli.ContainerRemove(t.Context(), y.full(name), container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
		t.Fatal(err)
	}
	y.start(t, name)
}
