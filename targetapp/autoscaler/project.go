package autoscaler

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Labels that say what a container is.
const (
	labelProject = "com.docker.compose.project"
	labelService = "com.docker.compose.service"
	labelNumber  = "com.docker.compose.container-number"
	labelTier    = "gauntlet.tier"
	labelReady   = "gauntlet.ready"
	labelScaled  = "gauntlet.scaled" // "autoscaler" on what it made
)

const madeBy = "autoscaler"

// ErrForeign means that a container is not of this Compose project, or was not made by the autoscaler.
var ErrForeign = errors.New("not the autoscaler's")

// Container is one of the project's.
type Container struct {
	ID, Name, Service, Tier string
	Number                  int
	State                   string // as the engine calls it: running, paused, exited, created, ...
	IP                      string // on its network; "" while it is down
	Ready                   string // label gauntlet.ready, such as "http 8080 /ready"
	Made                    bool   // by the autoscaler
	Created                 time.Time
}

// up says whether it counts as one that works.
func (c Container) up() bool {
	return c.State == "running" || c.State == "paused" || c.State == "restarting"
}

// url is the address of a path where the container says that it is ready; "" if it does not run or says nothing.
func (c Container) url(path string) string {
	f := strings.Fields(c.Ready)
	if c.IP == "" || len(f) != 3 || f[0] != "http" {
		return ""
	}
	if path == "" {
		path = f[2]
	}
	return "http://" + c.IP + ":" + f[1] + path
}

// Project is the Compose project in which the autoscaler runs, and the only one that it touches.
type Project struct {
	Name   string
	Keep   io.Writer // takes what a container printed before it is removed; nil: that is lost with it
	engine *Engine
}

// FindProject finds the project that the container of that id belongs to. A container of none is refused.
func FindProject(ctx context.Context, e *Engine, id string) (*Project, error) {
	info, err := inspect(ctx, e, id)
	if err != nil {
		return nil, fmt.Errorf("who am I: %w", err)
	}
	name := info.labels()[labelProject]
	if name == "" {
		return nil, fmt.Errorf("%w: container %s has no label %s; start it with Compose", ErrForeign, id, labelProject)
	}
	return &Project{Name: name, engine: e}, nil
}

// summary is a container as the engine lists it.
type summary struct {
	ID              string `json:"Id"`
	Names           []string
	State           string
	Created         int64
	Labels          map[string]string
	NetworkSettings struct {
		Networks map[string]struct{ IPAddress string }
	}
}

func (s summary) container() Container {
	number, _ := strconv.Atoi(s.Labels[labelNumber])
	c := Container{
		ID: s.ID, Service: s.Labels[labelService], Tier: s.Labels[labelTier], Number: number, State: s.State,
		Ready: s.Labels[labelReady], Made: s.Labels[labelScaled] == madeBy, Created: time.Unix(s.Created, 0),
	}
	if len(s.Names) > 0 {
		c.Name = strings.TrimPrefix(s.Names[0], "/")
	}
	for _, n := range s.NetworkSettings.Networks {
		c.IP = n.IPAddress
	}
	return c
}

// List returns the project's containers, also those that are down, by service and number.
func (p *Project) List(ctx context.Context) ([]Container, error) {
	ctx, cancel := context.WithTimeout(ctx, engineLimit)
	defer cancel()
	filters, err := json.Marshal(map[string][]string{"label": {labelProject + "=" + p.Name}})
	if err != nil {
		return nil, err
	}
	var all []summary
	if err := p.engine.call(ctx, http.MethodGet, "/containers/json", url.Values{"all": {"true"}, "filters": {string(filters)}}, nil, &all); err != nil {
		return nil, err
	}
	var out []Container
	for _, s := range all {
		if s.Labels[labelProject] == p.Name { // whatever the engine makes of the filter
			out = append(out, s.container())
		}
	}
	slices.SortFunc(out, func(a, b Container) int {
		if a.Service == b.Service {
			return a.Number - b.Number
		}
		return strings.Compare(a.Service, b.Service)
	})
	return out, nil
}

// Make makes and starts a twin of a container of the project, with that number in its service and that address on its first network;
// "" leaves the address to the engine. What was made is removed if it can't be started.
func (p *Project) Make(ctx context.Context, like Container, number int, address string) (Container, error) {
	ctx, cancel := context.WithTimeout(ctx, engineLimit)
	defer cancel()
	info, err := inspect(ctx, p.engine, like.ID)
	if err != nil {
		return Container{}, err
	}
	if info.labels()[labelProject] != p.Name {
		return Container{}, fmt.Errorf("%w: %s is of project %q, not of %q", ErrForeign, like.Name, info.labels()[labelProject], p.Name)
	}
	body, more := twin(info, number, address)
	var made struct {
		ID string `json:"Id"`
	}
	name := fmt.Sprintf("%s-%s-%d", p.Name, like.Service, number)
	if err := p.engine.call(ctx, http.MethodPost, "/containers/create", url.Values{"name": {name}}, body, &made); err != nil {
		return Container{}, err
	}
	err = p.connect(ctx, made.ID, more)
	if err == nil {
		err = p.engine.call(ctx, http.MethodPost, "/containers/"+made.ID+"/start", nil, nil, nil)
	}
	if err != nil {
		return Container{}, errors.Join(err, p.drop(context.WithoutCancel(ctx), made.ID))
	}
	c := like
	c.ID, c.Name, c.Number, c.Made, c.State, c.IP = made.ID, name, number, true, "running", address
	if now, err := p.List(ctx); err == nil {
		if i := slices.IndexFunc(now, func(o Container) bool { return o.ID == made.ID }); i >= 0 {
			c = now[i]
		}
	}
	return c, nil
}

// connect attaches a container to further networks: older engines take only one when they make it.
func (p *Project) connect(ctx context.Context, id string, more map[string]any) error {
	for net, endpoint := range more {
		body := map[string]any{"Container": id, "EndpointConfig": endpoint}
		if err := p.engine.call(ctx, http.MethodPost, "/networks/"+net+"/connect", nil, body, nil); err != nil {
			return err
		}
	}
	return nil
}

// Remove asks a container to end, waits for up to drain until it has, and removes it. Anything that the autoscaler did not make in
// this project is refused. One that is gone is removed.
func (p *Project) Remove(ctx context.Context, c Container, drain time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, engineLimit+drain)
	defer cancel()
	info, err := inspect(ctx, p.engine, c.ID)
	if errors.Is(err, ErrNoSuch) {
		return nil
	}
	if err != nil {
		return err
	}
	if l := info.labels(); l[labelProject] != p.Name || l[labelScaled] != madeBy {
		return fmt.Errorf("%w: %s (project %q) is not removed", ErrForeign, c.Name, l[labelProject])
	}
	seconds := strconv.Itoa(int(drain / time.Second))
	if err := p.engine.call(ctx, http.MethodPost, "/containers/"+c.ID+"/stop", url.Values{"t": {seconds}}, nil, nil); err != nil && !errors.Is(err, ErrNoSuch) {
		return err
	}
	return errors.Join(p.keep(ctx, c.ID), p.drop(ctx, c.ID))
}

// keptLines is how many of a container's last lines outlive it.
const keptLines = "10000"

// keep writes what a container printed to p.Keep. Its lines say themselves whose they are.
func (p *Project) keep(ctx context.Context, id string) error {
	if p.Keep == nil {
		return nil
	}
	out, err := p.engine.open(ctx, "/containers/"+id+"/logs", url.Values{"stdout": {"1"}, "stderr": {"1"}, "tail": {keptLines}})
	if err != nil {
		return err
	}
	defer out.Close()
	return copyFrames(p.Keep, out)
}

// copyFrames copies what the engine sends of a container without a terminal: each piece has a header of eight bytes, whose last four
// are its length.
func copyFrames(to io.Writer, from io.Reader) error {
	var head [8]byte
	for {
		if _, err := io.ReadFull(from, head[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if _, err := io.CopyN(to, from, int64(binary.BigEndian.Uint32(head[4:]))); err != nil {
			return err
		}
	}
}

// drop removes a container and the volumes that it alone has.
func (p *Project) drop(ctx context.Context, id string) error {
	err := p.engine.call(ctx, http.MethodDelete, "/containers/"+id, url.Values{"v": {"true"}, "force": {"true"}}, nil, nil)
	if errors.Is(err, ErrNoSuch) {
		return nil
	}
	return err
}
