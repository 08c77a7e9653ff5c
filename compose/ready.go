package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrNotReady means that a container did not become ready in time or ended.
var ErrNotReady = errors.New("not ready")

const (
	readyExit    = "exit"    // the label of a job: it is ready when it has ended well
	readyPatroni = "patroni" // begins the label of a database node: it is ready when all nodes of its cluster run
)

// readyEvery is how often the containers are asked.
const readyEvery = 200 * time.Millisecond

// logTailLimit bounds fetching the end of a log for an error.
const logTailLimit = 5 * time.Second

// WaitReady returns when every container is ready as its label says, or with ErrNotReady when ctx ends or a job fails. It
// asks the containers themselves; the engine's health checks are slow and costly on a small machine.
func (s *Stack) WaitReady(ctx context.Context, progress func(ready, total int, waiting string)) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	var late *unready // as of the last time that all could be asked
	for {
		total, waiting, err := s.poll(ctx, client)
		switch {
		case ctx.Err() != nil && late == nil && len(waiting) > 0:
			return s.gaveUp(ctx, &waiting[0])
		case ctx.Err() != nil:
			return s.gaveUp(ctx, late) // what the last round says may be but the end of ctx
		case err != nil:
			return err
		case len(waiting) == 0:
			progress(total, total, "")
			return nil
		}
		late = &waiting[0]
		progress(total-len(waiting), total, names(waiting))
		if !sleep(ctx, readyEvery) {
			return s.gaveUp(ctx, late)
		}
	}
}

// gaveUp says what was not ready when ctx ended, with the end of its log.
func (s *Stack) gaveUp(ctx context.Context, late *unready) error {
	if late == nil {
		return fmt.Errorf("%w: %w", ErrNotReady, context.Cause(ctx))
	}
	logCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logTailLimit)
	defer cancel()
	return fmt.Errorf("%w: %s: %s: %w%s", ErrNotReady, late.Name, late.why, context.Cause(ctx), s.logTail(logCtx, late.Container))
}

// unready is a container that does not serve yet, and why.
type unready struct {
	Container
	why string
}

// poll asks all containers at once and returns how many there are and those that are not ready. The error is for what
// waiting does not help: a container that is missing, or a job that failed.
func (s *Stack) poll(ctx context.Context, client *http.Client) (int, []unready, error) {
	on, err := s.all(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	if missing := s.missing(on); len(missing) > 0 {
		return 0, nil, fmt.Errorf("%w: no container of %s", ErrNotReady, strings.Join(missing, ", "))
	}
	whys := make([]string, len(on))
	nodes := databases(on)
	each(len(on), func(i int) { whys[i] = s.notReady(ctx, client, on[i], nodes[clusterOf(on[i])]) })
	var out []unready
	for i, c := range on {
		if strings.HasPrefix(whys[i], failed) {
			return 0, nil, fmt.Errorf("%w: %s %s%s", ErrNotReady, c.Name, whys[i], s.logTail(ctx, c))
		}
		if whys[i] != "" {
			out = append(out, unready{c, whys[i]})
		}
	}
	return len(on), out, nil
}

// cluster is where a database belongs: the shard and the region, "" where there is one of them.
type cluster struct{ shard, region string }

func clusterOf(c Container) cluster { return cluster{c.Shard, c.Region} }

// databases counts the nodes of each database cluster.
func databases(on []Container) map[cluster]int {
	n := map[cluster]int{}
	for _, c := range on {
		if strings.HasPrefix(c.Ready, readyPatroni+" ") {
			n[clusterOf(c)]++
		}
	}
	return n
}

// missing lists the services of which there is no container.
func (s *Stack) missing(on []Container) []string {
	var out []string
	for _, service := range s.Topology.Services {
		if !slices.ContainsFunc(on, func(c Container) bool { return c.Service == service }) {
			out = append(out, service)
		}
	}
	return out
}

func names(on []unready) string {
	var out []string
	for _, c := range on {
		out = append(out, c.Name)
	}
	return strings.Join(out, ", ")
}

// failed begins the reason of a job that can't become ready any more.
const failed = "failed"

// notReady is why a container is not ready, "" if it is. The label reads "http PORT PATH", "patroni PORT PATH",
// "postgres PORT", "redis PORT", "redis-cluster PORT", "dns PORT", "outpost PORT" or "exit".
func (s *Stack) notReady(ctx context.Context, client *http.Client, c Container, nodes int) string {
	if c.Ready == readyExit {
		return s.jobState(ctx, c)
	}
	kind, rest, _ := strings.Cut(c.Ready, " ")
	port, path, _ := strings.Cut(rest, " ")
	number, err := strconv.Atoi(port)
	if err != nil || c.Ports[number] == "" {
		return fmt.Sprintf("is %s; port %s is not published", c.State, port)
	}
	if h, ok := hellos[kind]; ok {
		return h.ask(ctx, c.Ports[number])
	}
	url := "http://" + c.Ports[number] + path
	if kind == readyPatroni {
		return s.clusterState(ctx, client, url, nodes)
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
func (s *Stack) clusterState(ctx context.Context, client *http.Client, url string, nodes int) string {
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
	switch {
	case running < nodes:
		return fmt.Sprintf("%d of %d database nodes run", running, nodes)
	case roles["standby_leader"] == 1:
		return "" // it follows another region, and waits for nobody
	case roles["leader"] != 1:
		return "the cluster has no leader"
	case s.Topology.Sync && roles["sync_standby"] == 0:
		return "no replica is synchronous yet"
	default:
		return ""
	}
}
