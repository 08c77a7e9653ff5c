package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"gauntlet/chaos"
)

// snapshot is what it takes to make a container again.
type snapshot struct {
	Name      string                               `json:"name"`
	ID        string                               `json:"id"`    // of the container that it was taken of
	Image     string                               `json:"image"` // id, for when the tag has moved on
	Config    *container.Config                    `json:"config"`
	Host      *container.HostConfig                `json:"host"`
	Networks  map[string]*network.EndpointSettings `json:"networks,omitempty"`
	Anonymous map[string]string                    `json:"anonymous,omitempty"` // volumes without a name of the user's, by mount point
}

// Snapshot describes a container so that chaos.VerbCreate can make it again: configuration, networks with aliases and fixed
// addresses, and volumes, those without a name too. What is only inside the container is lost with it.
func (r *Runtime) Snapshot(ctx context.Context, id string) (string, error) {
	info, err := r.inspect(ctx, id)
	if err != nil {
		return "", err
	}
	s := snapshot{
		Name: nameOf(info), ID: info.ID, Image: info.Image, Config: info.Config, Host: info.HostConfig,
		Networks: map[string]*network.EndpointSettings{}, Anonymous: anonymous(info),
	}
	if info.NetworkSettings != nil && attachable(info.HostConfig) {
		for name, e := range info.NetworkSettings.Networks {
			s.Networks[name] = wish(e, info.ID)
		}
	}
	text, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("%s: snapshot: %w", s.Name, err)
	}
	return string(text), nil
}

// attachable says whether the container has networks of its own: not the host's, not another container's.
func attachable(h *container.HostConfig) bool {
	return h != nil && !h.NetworkMode.IsHost() && !h.NetworkMode.IsNone() && !h.NetworkMode.IsContainer()
}

// wish is what the user asked for in a network, without what the engine made of it.
func wish(e *network.EndpointSettings, id string) *network.EndpointSettings {
	if e == nil {
		return &network.EndpointSettings{}
	}
	aliases := slices.DeleteFunc(slices.Clone(e.Aliases), func(a string) bool { return a == short(id) })
	return &network.EndpointSettings{IPAMConfig: e.IPAMConfig, Links: e.Links, Aliases: aliases, DriverOpts: e.DriverOpts, GwPriority: e.GwPriority}
}

// anonymous are the volumes that the engine named itself, by where they are mounted.
func anonymous(info container.InspectResponse) map[string]string {
	out := map[string]string{}
	for _, m := range info.Mounts {
		if m.Type == mount.TypeVolume && m.Name != "" && !named(info.HostConfig, m.Destination) {
			out[m.Destination] = m.Name
		}
	}
	return out
}

// named says whether what is mounted there is in the configuration already.
func named(h *container.HostConfig, at string) bool {
	if h == nil {
		return false
	}
	return slices.ContainsFunc(h.Binds, func(b string) bool { return slices.Contains(strings.Split(b, ":"), at) }) ||
		slices.ContainsFunc(h.Mounts, func(m mount.Mount) bool { return m.Target == at && m.Source != "" })
}

// take removes the container. Its volumes and networks stay; a replica that was made for a time takes its volumes without a name
// along.
func (r *Runtime) take(ctx context.Context, info container.InspectResponse, volumes bool) (chaos.Effect, error) {
	var is func() (bool, error)
	if stateOf(info.State) == chaos.Running {
		is = r.ended(info)
	}
	at, _, err := during(ctx, func(ctx context.Context) error { return r.vanish(ctx, info.ID, volumes) }, is)
	if err != nil {
		return chaos.Effect{}, engineErr(nameOf(info), err)
	}
	if is != nil {
		return at.effect(fmt.Sprintf("process %d gone; engine has no such container any more", info.State.Pid)), nil
	}
	return at.effect("engine has no such container any more"), nil
}

// create makes the snapshot's container again, or another replica of its service, and starts it. One that is there already, as a
// whole or half made, is completed.
func (r *Runtime) create(ctx context.Context, op chaos.Op) (chaos.Effect, error) {
	var s snapshot
	if err := json.Unmarshal([]byte(op.Snapshot), &s); err != nil || s.Config == nil || s.Host == nil {
		return chaos.Effect{}, fmt.Errorf("%w: it has no snapshot to be made from: %w", chaos.ErrUnsupported, err)
	}
	if why := refusal(r.opts.Project, s.Config.Labels); why != "" {
		return chaos.Effect{}, fmt.Errorf("%w %s: %s", chaos.ErrRefused, s.Name, why)
	}
	if op.Index > 0 {
		s.replica(op.Index)
	} else {
		s.keepVolumes()
	}
	var eff chaos.Effect
	info, err := r.cli.ContainerInspect(ctx, s.Name)
	if errdefs.IsNotFound(err) {
		if err = r.make(ctx, s); err == nil || errdefs.IsConflict(err) {
			info, err = r.cli.ContainerInspect(ctx, s.Name)
		}
	}
	if err != nil {
		return eff, engineErr(s.Name, err)
	}
	if info, err = r.inspect(ctx, info.ID); err != nil {
		return eff, err
	}
	if err := r.connect(ctx, info, s); err != nil {
		return eff, err
	}
	if eff, err = r.run(ctx, info); err == nil {
		eff.Proof = fmt.Sprintf("container %s: %s", short(info.ID), eff.Proof)
	}
	return eff, err
}

// replica turns the snapshot into one of another replica: its own name and number, no fixed addresses and host ports, and volumes
// of its own.
func (s *snapshot) replica(index int) {
	old := s.Config.Labels[labelNumber]
	number := strconv.Itoa(index)
	was := s.Name
	base, numbered := strings.CutSuffix(s.Name, old)
	if old == "" || !numbered {
		base = s.Name + "-"
	}
	s.Name = base + number
	s.Config.Labels[labelNumber] = number
	s.Host.PortBindings = nat.PortMap{}
	for _, e := range s.Networks {
		e.IPAMConfig = nil
		e.Aliases = slices.DeleteFunc(e.Aliases, func(a string) bool { return a == was })
	}
}

// keepVolumes mounts the volumes that have no name of the user's again. Note: the engine takes them for named ones from now on.
func (s *snapshot) keepVolumes() {
	for at, name := range s.Anonymous {
		i := slices.IndexFunc(s.Host.Mounts, func(m mount.Mount) bool { return m.Target == at })
		if i >= 0 {
			s.Host.Mounts[i].Source = name
		} else {
			s.Host.Binds = append(s.Host.Binds, name+":"+at)
		}
	}
}

// make creates the container in its first network.
func (r *Runtime) make(ctx context.Context, s snapshot) error {
	if s.Config.Hostname == short(s.ID) || s.Host.NetworkMode.IsContainer() {
		s.Config.Hostname = "" // the engine's own choice for the old one
	}
	if now, err := r.cli.ImageInspect(ctx, s.Config.Image); err != nil || now.ID != s.Image {
		s.Config.Image = s.Image
	}
	var nets *network.NetworkingConfig
	if first := s.firstNetwork(); first != "" {
		nets = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{first: s.Networks[first]}}
	}
	_, err := r.cli.ContainerCreate(ctx, s.Config, s.Host, nets, nil, s.Name)
	return err
}

// firstNetwork is the one to be made in: that of the network mode, or, where the mode is the default and the container was in
// another network all the same, that one: else the engine would add its default bridge, and a second way out.
func (s *snapshot) firstNetwork() string {
	if mode := string(s.Host.NetworkMode); s.Networks[mode] != nil {
		return mode
	}
	if names := slices.Sorted(maps.Keys(s.Networks)); s.Host.NetworkMode.IsDefault() && len(names) > 0 && s.Networks["bridge"] == nil {
		return names[0]
	}
	return ""
}

// connect adds the networks that the container is not in yet: older engines take only one when they create.
func (r *Runtime) connect(ctx context.Context, info container.InspectResponse, s snapshot) error {
	for name, e := range s.Networks {
		if info.NetworkSettings != nil && info.NetworkSettings.Networks[name] != nil {
			continue
		}
		if err := r.cli.NetworkConnect(ctx, name, info.ID, e); err != nil {
			return engineErr(s.Name+": network "+name, err)
		}
	}
	return nil
}
