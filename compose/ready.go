package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrNotReady means that a container did not become ready in time or ended.
var ErrNotReady = errors.New("not ready")

// readyExit is the label of a job: it is ready when it has ended well.
const readyExit = "exit"

// readyEvery is how often the containers are asked.
const readyEvery = 200 * time.Millisecond

// WaitReady returns when every container is ready as its label says, or with ErrNotReady when ctx ends or a job fails. It
// asks the containers themselves; the engine's health checks are slow and costly on a small machine.
func (s *Stack) WaitReady(ctx context.Context, progress func(ready, total int, waiting string)) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		on, err := s.all(ctx)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNotReady, err)
		}
		waiting, why, err := s.waiting(ctx, client, on)
		if err != nil {
			return err
		}
		if len(waiting) == 0 {
			progress(len(on), len(on), "")
			return nil
		}
		progress(len(on)-len(waiting), len(on), names(waiting))
		if !sleep(ctx, readyEvery) {
			return fmt.Errorf("%w: %s: %s: %w%s", ErrNotReady, waiting[0].Name, why, context.Cause(ctx), s.logTail(context.WithoutCancel(ctx), waiting[0]))
		}
	}
}

func names(on []Container) string {
	var out []string
	for _, c := range on {
		out = append(out, c.Name)
	}
	return strings.Join(out, ", ")
}

// waiting asks all containers at once and returns those that are not ready, and why the first is not.
func (s *Stack) waiting(ctx context.Context, client *http.Client, on []Container) ([]Container, string, error) {
	whys := make([]string, len(on))
	each(len(on), func(i int) { whys[i] = s.notReady(ctx, client, on[i]) })
	var out []Container
	first := ""
	for i, c := range on {
		if whys[i] == "" {
			continue
		}
		if strings.HasPrefix(whys[i], failed) {
			return nil, "", fmt.Errorf("%w: %s %s%s", ErrNotReady, c.Name, whys[i], s.logTail(ctx, c))
		}
		if out = append(out, c); first == "" {
			first = whys[i]
		}
	}
	return out, first, nil
}

// failed begins the reason of a job that can't become ready any more.
const failed = "failed"

// notReady is why a container is not ready, "" if it is. The label reads "http PORT PATH", "patroni PORT PATH" or "exit".
func (s *Stack) notReady(ctx context.Context, client *http.Client, c Container) string {
	if c.Ready == readyExit {
		return s.jobState(ctx, c)
	}
	kind, rest, _ := strings.Cut(c.Ready, " ")
	port, path, _ := strings.Cut(rest, " ")
	number, err := strconv.Atoi(port)
	if err != nil || c.Ports[number] == "" {
		return fmt.Sprintf("is %s; port %s is not published", c.State, port)
	}
	url := "http://" + c.Ports[number] + path
	if kind == "patroni" {
		return s.clusterState(ctx, client, url)
	}
	return httpState(ctx, client, url, nil)
}

func (s *Stack) jobState(ctx context.Context, c Container) string {
	info, err := s.engine.api.ContainerInspect(ctx, c.ID)
	switch {
	case err != nil:
		return err.Error()
	case info.State.Status != "exited":
		return "has not ended"
	case info.State.ExitCode != 0:
		return fmt.Sprintf("%s with exit code %d", failed, info.State.ExitCode)
	default:
		return ""
	}
}

// httpState asks for a 2xx answer and decodes it into v, if any.
func httpState(ctx context.Context, client *http.Client, url string, v any) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	resp, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return url + " answers " + resp.Status
	}
	if v != nil {
		if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
			return url + ": " + err.Error()
		}
	}
	return ""
}

// clusterState asks Patroni for the whole cluster: all members run, one leads, and one is synchronous where that is promised.
func (s *Stack) clusterState(ctx context.Context, client *http.Client, url string) string {
	var cluster struct {
		Members []struct{ Name, Role, State string }
	}
	if why := httpState(ctx, client, url, &cluster); why != "" {
		return why
	}
	roles, running := map[string]int{}, 0
	for _, m := range cluster.Members {
		roles[m.Role]++
		if m.State == "running" || m.State == "streaming" {
			running++
		}
	}
	nodes := 0
	for _, name := range s.Topology.Services {
		if strings.HasPrefix(name, "db") {
			nodes++
		}
	}
	switch {
	case running < nodes:
		return fmt.Sprintf("%d of %d database nodes run", running, nodes)
	case roles["leader"] != 1:
		return "the cluster has no leader"
	case s.Topology.Sync && roles["sync_standby"] == 0:
		return "no replica is synchronous yet"
	default:
		return ""
	}
}
