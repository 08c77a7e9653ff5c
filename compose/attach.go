package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
)

// Labels that set containers apart from a project's services.
const (
	labelOneOff   = "com.docker.compose.oneoff" // "True" on containers of docker compose run
	labelInternal = "gauntlet.internal"         // the role of one of Gauntlet's own helpers, such as agent
	labelScope    = "gauntlet.project"          // the project that the helper works in
	labelTarget   = "gauntlet.target-name"      // of an agent: the container that it is in
)

// ErrNoProject means that no Compose project of that name is on the engine, or that it was not said which one is meant.
var ErrNoProject = errors.New("no Compose project")

// Connect finds the Docker Engine alone. It asks for nothing that only topologies of ours need: Compose, disk space, an engine
// on this machine. The error is ErrHost.
func Connect(ctx context.Context) (*Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	opts := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if host := contextHost(ctx); host != "" {
		opts = append(opts, client.WithHost(host))
	}
	api, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("%w: docker: %w; check DOCKER_HOST", ErrHost, err)
	}
	info, err := api.Info(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: docker: %w; start it (systemctl start docker), or join its group (usermod -aG docker $USER), or set DOCKER_HOST", ErrHost, err), api.Close())
	}
	return &Engine{
		api: api, Version: info.ServerVersion, OS: info.OSType, Arch: goArch(info.Architecture), Kernel: info.KernelVersion,
		CPUs: info.NCPU, MemoryBytes: info.MemTotal, Host: api.DaemonHost(),
	}, nil
}

// Close lets go of the connections to the engine.
func (e *Engine) Close() error { return e.api.Close() }

// Project is a Compose project on the engine, whoever started it.
type Project struct {
	Name       string
	Topology   string   // of ours that it is; "" for anybody else's
	Services   []string // sorted
	Containers int
	Running    int // of them
}

// String is the project in one line, such as "shop (2 services, 3 of 4 containers run)".
func (p Project) String() string {
	return fmt.Sprintf("%s (%d services, %d of %d containers run)", p.Name, len(p.Services), p.Running, p.Containers)
}

// Projects lists the Compose projects on the engine by name, also those that are down as long as they have containers. Helpers
// of Gauntlet's and one-off containers are no part of a project.
func (e *Engine) Projects(ctx context.Context) ([]Project, error) {
	all, err := e.members(ctx, labelProject)
	if err != nil {
		return nil, err
	}
	found := map[string]*Project{}
	for _, c := range all {
		name := c.Labels[labelProject]
		p := cmp.Or(found[name], &Project{Name: name})
		found[name] = p
		p.Containers++
		if c.State == container.StateRunning || c.State == container.StatePaused {
			p.Running++
		}
		if c.Labels[LabelOwner] == "gauntlet" {
			p.Topology = topologyOf(name)
		}
		if service := c.Labels[labelService]; !slices.Contains(p.Services, service) {
			p.Services = append(p.Services, service)
		}
	}
	var out []Project
	for _, name := range slices.Sorted(maps.Keys(found)) {
		slices.Sort(found[name].Services)
		out = append(out, *found[name])
	}
	return out, nil
}

// topologyOf is the topology whose stack has that project; "" if there is none.
func topologyOf(project string) string {
	name := strings.TrimPrefix(project, projectPrefix)
	if _, err := Lookup(name); err != nil {
		return ""
	}
	return name
}

// members lists the containers with a label that are part of a project.
func (e *Engine) members(ctx context.Context, label string) ([]container.Summary, error) {
	all, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", label))})
	if err != nil {
		return nil, fmt.Errorf("containers with label %s: %w", label, err)
	}
	return slices.DeleteFunc(all, func(c container.Summary) bool {
		return c.Labels[labelInternal] != "" || c.Labels[labelOneOff] == "True"
	}), nil
}

// Attached is a Compose project that was found on the engine. It is only looked at.
type Attached struct {
	Project
	On []Container // in the order of their names, which are those of the fault injector; without jobs of our topologies
}

// Attach finds a Compose project by its name, whoever started it: ErrNoProject if none has containers, and the text says which
// there are. With "" it is the only one that runs.
func (e *Engine) Attach(ctx context.Context, project string) (*Attached, error) {
	all, err := e.Projects(ctx)
	if err != nil {
		return nil, err
	}
	p, err := choose(all, project)
	if err != nil {
		return nil, err
	}
	on, err := e.members(ctx, labelProject+"="+p.Name)
	if err != nil {
		return nil, err
	}
	replicas := map[string]int{}
	for _, c := range on {
		replicas[c.Labels[labelService]]++
	}
	out := &Attached{Project: p}
	for _, c := range on {
		if d := describe(c, replicas[c.Labels[labelService]]); d.Ready != readyExit {
			out.On = append(out.On, d)
		}
	}
	slices.SortFunc(out.On, func(a, b Container) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), cmp.Compare(a.Index, b.Index))
	})
	return out, nil
}

// choose finds the project that is meant.
func choose(all []Project, name string) (Project, error) {
	if name != "" {
		if i := slices.IndexFunc(all, func(p Project) bool { return p.Name == name }); i >= 0 {
			return all[i], nil
		}
		return Project{}, fmt.Errorf("%w %q: %s%s", ErrNoProject, name, listProjects(all), didYouMean(all, name))
	}
	running := slices.DeleteFunc(slices.Clone(all), func(p Project) bool { return p.Running == 0 })
	switch len(running) {
	case 0:
		return Project{}, fmt.Errorf("%w is running; start yours (docker compose up -d), or one of ours (gauntlet up replicated)", ErrNoProject)
	case 1:
		return running[0], nil
	}
	return Project{}, fmt.Errorf("%w was named, and several run: say which one with --project (or --topology, for one of ours); %s", ErrNoProject, listProjects(running))
}

func listProjects(all []Project) string {
	if len(all) == 0 {
		return "there is no Compose project on this engine"
	}
	words := make([]string, len(all))
	for i, p := range all {
		words[i] = p.String()
	}
	return "there are " + strings.Join(words, ", ")
}

// didYouMean names the project that was probably meant.
func didYouMean(all []Project, name string) string {
	meant, least := "", 3 // more letters that differ are no slip
	for _, p := range all {
		if d := edits(name, p.Name); d < least {
			meant, least = fmt.Sprintf("; did you mean %s?", p.Name), d
		}
	}
	return meant
}

// Helper is a container of Gauntlet's own that works in a project.
type Helper struct {
	ID      string
	Role    string // such as agent or janitor
	Project string
	Target  string // of an agent: the container that it is in
	Running bool
	Since   time.Time
}

// Helpers lists Gauntlet's helpers in all projects, by project and target.
func (e *Engine) Helpers(ctx context.Context) ([]Helper, error) {
	all, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", labelInternal))})
	if err != nil {
		return nil, fmt.Errorf("helpers: %w", err)
	}
	var out []Helper
	for _, c := range all {
		out = append(out, Helper{
			ID: c.ID, Role: c.Labels[labelInternal], Project: cmp.Or(c.Labels[labelScope], c.Labels[labelProject]), Target: c.Labels[labelTarget],
			Running: c.State == container.StateRunning, Since: time.Unix(c.Created, 0),
		})
	}
	slices.SortFunc(out, func(a, b Helper) int {
		return cmp.Or(strings.Compare(a.Project, b.Project), strings.Compare(a.Role, b.Role), strings.Compare(a.Target, b.Target), strings.Compare(a.ID, b.ID))
	})
	return out, nil
}

// EnsureApp makes the image of helpers, without a pull: it holds this executable and nothing else. One that was made of the same
// executable is kept.
func (e *Engine) EnsureApp(ctx context.Context, log func(string)) error {
	if err := findCLI(); err != nil {
		return err
	}
	if err := e.buildTarget(ctx, "app", log); err != nil {
		return fmt.Errorf("image %s: %w", e.AppImage(), err)
	}
	return nil
}

// HasApp says whether there is an image of helpers, be it of another Gauntlet.
func (e *Engine) HasApp(ctx context.Context) bool { return e.imageID(ctx, e.AppImage()) != "" }
