package compose

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
)

// ErrHost means that this machine cannot run a topology as it is: the text says what is missing and how to mend it.
var ErrHost = errors.New("this machine is not ready")

// The oldest Docker Engine that is known to work, and its API. The API decides: an engine may give its version any name.
const (
	minEngine = "20.10"
	minAPI    = "1.41"
)

// diskNeeded is what the images and a run take: about 1.5 GB of images, the rest for databases and logs.
const diskNeeded = 3 << 30

// Engine is the Docker Engine and the Compose tool of this machine.
type Engine struct {
	Version        string // of the Docker Engine
	ComposeVersion string
	OS, Arch       string // of the engine
	Kernel         string
	CPUs           int
	MemoryBytes    int64
	Host           string // where the engine listens, such as "unix:///var/run/docker.sock"

	api     *client.Client
	compose []string // the Compose command
}

// Check finds Docker and Compose and says all that is missing at once; the error is ErrHost.
func Check(ctx context.Context) (*Engine, error) {
	e := &Engine{}
	if err := errors.Join(e.findEngine(ctx), e.findCompose(ctx), findCLI()); err != nil {
		return nil, fmt.Errorf("%w:\n%w", ErrHost, err)
	}
	return e, nil
}

// askLimit bounds a question to the engine; one that hangs must not hang us.
const askLimit = 15 * time.Second

func (e *Engine) findEngine(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	opts := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if host := contextHost(ctx); host != "" {
		opts = append(opts, client.WithHost(host))
	}
	api, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return fmt.Errorf("docker: %w; check DOCKER_HOST", err)
	}
	if err := checkHost(api.DaemonHost()); err != nil {
		return errors.Join(err, api.Close())
	}
	info, err := api.Info(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("docker: %w; start it (systemctl start docker), or join its group (usermod -aG docker $USER), or set DOCKER_HOST", err), api.Close())
	}
	ping, err := api.Ping(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("docker: %w", err), api.Close())
	}
	if err := checkEngine(info, ping.APIVersion); err != nil {
		return errors.Join(err, api.Close())
	}
	e.api, e.Version, e.OS, e.Arch, e.Kernel = api, info.ServerVersion, info.OSType, goArch(info.Architecture), info.KernelVersion
	e.CPUs, e.MemoryBytes, e.Host = info.NCPU, info.MemTotal, api.DaemonHost()
	return nil
}

// checkEngine says what keeps this engine, which speaks the API up to a version, from running a topology.
func checkEngine(info system.Info, apiVersion string) error {
	if info.OSType != "linux" {
		return fmt.Errorf("docker: the engine runs %s containers; switch it to Linux containers", info.OSType)
	}
	if versions.LessThan(apiVersion, minAPI) {
		return fmt.Errorf("docker: engine %s, which speaks API %s, is older than %s (API %s); upgrade it", info.ServerVersion, apiVersion, minEngine, minAPI)
	}
	return checkDisk(info.DockerRootDir)
}

// checkHost refuses an engine on another machine: topologies publish on 127.0.0.1 only, and that would be its own.
func checkHost(host string) error {
	u, err := url.Parse(host)
	if err != nil || u.Scheme == "unix" || u.Scheme == "npipe" {
		return nil
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("docker: the engine at %s is on another machine, whose 127.0.0.1 can't be reached from here; run gauntlet there, or unset DOCKER_HOST", host)
}

// contextHost is the engine that the docker command talks to, where its configuration names one, such as that of Docker Desktop
// or Colima; "" leaves it to DOCKER_HOST or the default.
func contextHost(ctx context.Context) string {
	if os.Getenv("DOCKER_HOST") != "" {
		return ""
	}
	out, err := exec.CommandContext(ctx, "docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}").Output()
	host := strings.TrimSpace(string(out))
	if err != nil || !strings.HasPrefix(host, "unix://") && !strings.HasPrefix(host, "npipe://") {
		return ""
	}
	return host
}

// checkDisk looks at the engine's disk where it is on this machine.
func checkDisk(dir string) error {
	free, ok := freeBytes(dir)
	if ok && free < diskNeeded {
		return fmt.Errorf("disk: %s has %.1f GB free, images and a run need %d GB; free some (docker system df shows what Docker holds)",
			dir, float64(free)/(1<<30), diskNeeded>>30)
	}
	return nil
}

// findCompose prefers the plugin; both work.
func (e *Engine) findCompose(ctx context.Context) error {
	for _, cmd := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		out, err := exec.CommandContext(ctx, cmd[0], append(cmd[1:], "version", "--short")...).Output()
		if err == nil {
			e.compose, e.ComposeVersion = cmd, strings.TrimSpace(string(out))
			return nil
		}
	}
	return errors.New("compose: neither \"docker compose\" nor \"docker-compose\" works; install the plugin (docker-compose-plugin) or Debian's docker-compose")
}

// findCLI looks for the docker command, which builds the images.
func findCLI() error {
	if _, err := exec.LookPath("docker"); err != nil {
		return errors.New("docker: no docker command in PATH; install the client (Debian: docker.io or docker-cli)")
	}
	return nil
}

// goArch is Go's name of the architecture that the engine reports.
func goArch(kernel string) string {
	switch kernel {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return kernel
}

// cacheDir holds what can be made again: the executable for the images, the base image's parts.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: %w; set XDG_CACHE_HOME", err)
	}
	return dir + "/gauntlet", nil
}
