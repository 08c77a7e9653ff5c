package docker_test

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"gauntlet/chaos"
	"gauntlet/chaos/docker"
)

// network makes a network on a free subnet, and returns an address in it.
func (y *yard) network(t *testing.T, name string) netip.Addr {
	t.Helper()
	var err error
	for range 50 {
		b := make([]byte, 2)
		_, _ = rand.Read(b)
		base := netip.AddrFrom4([4]byte{10, 200 + b[0]%50, b[1], 16})
		var net network.CreateResponse
		net, err = y.cli.NetworkCreate(t.Context(), y.project+"_"+name, network.CreateOptions{
			Labels: map[string]string{testLabel: mark}, IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: netip.PrefixFrom(base, 28).String()}}},
		})
		if err == nil {
			t.Cleanup(func() { y.clean(func(ctx context.Context) { _ = y.cli.NetworkRemove(ctx, net.ID) }) })
			return base.Next().Next().Next().Next()
		}
	}
	t.Fatal(err)
	return netip.Addr{}
}

// estate is a container with two networks, a fixed address, which it returns, aliases, a named and an anonymous volume.
func (y *yard) estate(t *testing.T) netip.Addr {
	t.Helper()
	y.network(t, "front")
	address := y.network(t, "back")
	if _, err := y.cli.VolumeCreate(t.Context(), volume.CreateOptions{Name: y.project + "_data", Labels: map[string]string{testLabel: mark}}); err != nil {
		t.Fatal(err)
	}
	front, back := y.project+"_front", y.project+"_back"
	created, err := y.cli.ContainerCreate(t.Context(), &container.Config{
		Image: y.image, Env: []string{"COLOUR=blue"}, Volumes: map[string]struct{}{"/anonymous": {}},
		Labels: map[string]string{testLabel: mark, "com.docker.compose.project": y.project, "com.docker.compose.service": "web", "com.docker.compose.container-number": "1"},
	}, &container.HostConfig{
		NetworkMode: container.NetworkMode(front), Mounts: []mount.Mount{{Type: mount.TypeVolume, Source: y.project + "_data", Target: "/data"}},
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
	}, &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{front: {Aliases: []string{"web", "shop"}}}}, nil, y.full("web_1"))
	if err != nil {
		t.Fatal(err)
	}
	fixed := &network.EndpointSettings{Aliases: []string{"web"}, IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: address.String()}}
	if err := y.cli.NetworkConnect(t.Context(), back, created.ID, fixed); err != nil {
		t.Fatal(err)
	}
	if err := y.cli.ContainerStart(t.Context(), created.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	y.ids["web"] = created.ID
	t.Cleanup(func() { y.clean(y.removeEstate) })
	return address
}

// clean is for what a test leaves, in a context of its own.
func (y *yard) clean(work func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	work(ctx)
}

// removeEstate removes all replicas and volumes. Cleanups run latest first, so this is before the networks go.
func (y *yard) removeEstate(ctx context.Context) {
	for _, name := range []string{"web_1", "web_2"} {
		info, err := y.cli.ContainerInspect(ctx, y.full(name))
		if err != nil {
			continue
		}
		_ = y.cli.ContainerRemove(ctx, info.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		for _, m := range info.Mounts {
			_ = y.cli.VolumeRemove(ctx, m.Name, true)
		}
	}
}

func (y *yard) inspect(t *testing.T, name string) container.InspectResponse {
	t.Helper()
	info, err := y.cli.ContainerInspect(t.Context(), y.full(name))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// TestRemoveAndCreate holds that what comes back is the same container but for its id.
func TestRemoveAndCreate(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.estate(t)
	rt := y.runtime(t, docker.Options{})
	before := y.inspect(t, "web_1")
	y.copyInto(t, before.ID, "/data", "kept")
	y.copyInto(t, before.ID, "/anonymous", "kept too")
	text, err := rt.Snapshot(t.Context(), before.ID)
	if err != nil {
		t.Fatal(err)
	}
	remove, create := chaos.Op{Verb: chaos.VerbRemove}, chaos.Op{Verb: chaos.VerbCreate, Snapshot: text}
	if eff, err := rt.Do(t.Context(), y.target("web"), "x", remove); err != nil || eff.Proof == "" {
		t.Fatalf("remove = %+v, %v", eff, err)
	}
	if _, err := y.cli.ContainerInspect(t.Context(), before.ID); err == nil {
		t.Error("the container is still there")
	}
	if err := rt.Check(t.Context(), y.target("web"), "x", remove); err != nil {
		t.Errorf("Check = %v", err)
	}
	for range 2 {
		if eff, err := rt.Do(t.Context(), y.target("web"), "x", create); err != nil || eff.Proof == "" {
			t.Fatalf("create = %+v, %v", eff, err)
		}
	}
	after := y.inspect(t, "web_1")
	mustBeRemade(t, before, after)
	for folder, want := range map[string]string{"/data": "kept", "/anonymous": "kept too"} {
		if got := y.copyFrom(t, after.ID, folder); got != want {
			t.Errorf("%s holds %q, want %q", folder, got, want)
		}
	}
	replicaIsMade(t, y, rt, text)
}

// mustBeRemade compares what matters to others.
func mustBeRemade(t *testing.T, before, after container.InspectResponse) {
	t.Helper()
	if !after.State.Running || after.ID == before.ID || after.Image != before.Image || after.Config.Image != before.Config.Image {
		t.Errorf("after = %s, %s of image %s; want another one that runs %s", after.ID, after.State.Status, after.Config.Image, before.Config.Image)
	}
	if after.HostConfig.RestartPolicy != before.HostConfig.RestartPolicy || !slices.Equal(after.Config.Env, before.Config.Env) {
		t.Errorf("policy %v and environment %q, want %v and %q", after.HostConfig.RestartPolicy, after.Config.Env, before.HostConfig.RestartPolicy, before.Config.Env)
	}
	for k, v := range before.Config.Labels {
		if after.Config.Labels[k] != v {
			t.Errorf("label %s = %q, want %q", k, after.Config.Labels[k], v)
		}
	}
	for name, was := range before.NetworkSettings.Networks {
		is := after.NetworkSettings.Networks[name]
		if is == nil {
			t.Fatalf("not in network %s", name)
		}
		for _, alias := range was.Aliases {
			if alias != before.ID[:12] && !slices.Contains(is.Aliases, alias) {
				t.Errorf("aliases in %s = %q, want %s among them", name, is.Aliases, alias)
			}
		}
		if was.IPAMConfig != nil && was.IPAMConfig.IPv4Address != "" && is.IPAddress != was.IPAddress {
			t.Errorf("address in %s = %s, want the fixed one, %s", name, is.IPAddress, was.IPAddress)
		}
		if slices.Contains(is.Aliases, before.ID[:12]) {
			t.Errorf("aliases in %s = %q, want none of the old id", name, is.Aliases)
		}
	}
}

// replicaIsMade makes a second replica from the first one's snapshot, as scaling does, and takes it away again.
func replicaIsMade(t *testing.T, y *yard, rt *docker.Runtime, text string) {
	t.Helper()
	second := chaos.Target{Name: "web-2"}
	for range 2 {
		if _, err := rt.Do(t.Context(), second, "x", chaos.Op{Verb: chaos.VerbCreate, Service: "web", Index: 2, Snapshot: text}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := rt.List(t.Context())
	if got, want := names(all), []string{"web-1", "web-2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("List = %v, %v; want %v", got, err, want)
	}
	for _, m := range y.inspect(t, "web_2").Mounts {
		if m.Destination == "/anonymous" && y.copyFrom(t, all[1].ID, "/anonymous") != "" {
			t.Error("the second replica has the first one's anonymous volume, want one of its own")
		}
	}
	gone := chaos.Op{Verb: chaos.VerbRemove, Service: "web", Index: 2}
	mounts := y.inspect(t, "web_2").Mounts
	if _, err := rt.Do(t.Context(), second, "x", gone); err != nil {
		t.Error(err)
	}
	if _, err := rt.Do(t.Context(), second, "x", gone); !errors.Is(err, chaos.ErrGone) {
		t.Errorf("second removal = %v, want %v", err, chaos.ErrGone)
	}
	for _, m := range mounts {
		_, err := y.cli.VolumeInspect(t.Context(), m.Name)
		if left, want := err == nil, m.Destination == "/data"; left != want {
			t.Errorf("volume at %s is still there: %v, want %v", m.Destination, left, want)
		}
	}
}

// TestCreateInOtherNetworks is for containers whose network mode does not name the network that they are in: what the engine's default
// is, with and without a network that was connected later.
func TestCreateInOtherNetworks(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.network(t, "back")
	y.start(t, "a", "a", "1", nil)
	rt := y.runtime(t, docker.Options{})
	for _, want := range [][]string{{"bridge"}, {"bridge", y.project + "_back"}, {y.project + "_back"}} {
		id := y.inspect(t, "a").ID
		if len(want) == 2 {
			if err := y.cli.NetworkConnect(t.Context(), want[1], id, nil); err != nil {
				t.Fatal(err)
			}
		} else if want[0] != "bridge" {
			if err := y.cli.NetworkDisconnect(t.Context(), "bridge", id, false); err != nil {
				t.Fatal(err)
			}
		}
		text, err := rt.Snapshot(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range []chaos.Op{{Verb: chaos.VerbRemove}, {Verb: chaos.VerbCreate, Snapshot: text}} {
			if _, err := rt.Do(t.Context(), chaos.Target{ID: id, Name: "a"}, "x", op); err != nil {
				t.Fatal(err)
			}
		}
		if got := slices.Sorted(maps.Keys(y.inspect(t, "a").NetworkSettings.Networks)); !slices.Equal(got, want) {
			t.Errorf("made again in %v, want %v", got, want)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	y, other := newYard(t), newYard(t)
	other.start(t, "a", "a", "1", nil)
	text, err := other.runtime(t, docker.Options{}).Snapshot(t.Context(), other.ids["a"])
	if err != nil {
		t.Fatal(err)
	}
	rt := y.runtime(t, docker.Options{})
	if _, err := rt.Do(t.Context(), chaos.Target{Name: "a"}, "x", chaos.Op{Verb: chaos.VerbCreate, Snapshot: text}); !errors.Is(err, chaos.ErrRefused) {
		t.Errorf("create of another project's container = %v, want %v", err, chaos.ErrRefused)
	}
	for _, bad := range []string{"", "{}", "nonsense"} {
		if _, err := rt.Do(t.Context(), chaos.Target{Name: "a"}, "x", chaos.Op{Verb: chaos.VerbCreate, Snapshot: bad}); !errors.Is(err, chaos.ErrUnsupported) {
			t.Errorf("create from %q = %v, want %v", bad, err, chaos.ErrUnsupported)
		}
	}
}

// TestQuota reads the limit back from the container's cgroup where that can be seen, else from the engine.
func TestQuota(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.start(t, "free", "free", "1", nil)
	y.start(t, "bound", "bound", "1", nil)
	if _, err := y.cli.ContainerUpdate(t.Context(), y.ids["bound"], container.UpdateConfig{Resources: container.Resources{NanoCPUs: 800_000_000}}); err != nil {
		t.Fatal(err)
	}
	rt := y.runtime(t, docker.Options{})
	for name, was := range map[string]float64{"free": 0, "bound": 0.8} {
		y.mustHaveQuota(t, rt, name, was)
		for _, cpus := range []float64{0.25, 0.5, was} {
			op := chaos.Op{Verb: chaos.VerbQuota, CPUs: cpus}
			eff, err := y.do(t, rt, name, op)
			if err != nil || eff.Proof == "" {
				t.Fatalf("%s: %+v, %v", name, eff, err)
			}
			t.Logf("%s: %s", name, eff.Proof)
			y.mustHaveQuota(t, rt, name, cpus)
			if err := rt.Check(t.Context(), y.target(name), "", op); err != nil {
				t.Errorf("Check(%s, %g) = %v", name, cpus, err)
			}
		}
		if err := rt.Check(t.Context(), y.target(name), "", chaos.Op{Verb: chaos.VerbQuota, CPUs: 0.1}); !errors.Is(err, chaos.ErrEndedEarly) {
			t.Errorf("Check of another limit = %v, want %v", err, chaos.ErrEndedEarly)
		}
	}
}

func (y *yard) mustHaveQuota(t *testing.T, rt *docker.Runtime, name string, want float64) {
	t.Helper()
	all, err := rt.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Name == name && c.Quota != want {
			t.Errorf("%s: Quota = %g, want %g", name, c.Quota, want)
		}
	}
	file := filepath.Join("/sys/fs/cgroup/cpu/docker", y.ids[name], "cpu.cfs_quota_us")
	if text, err := os.ReadFile(file); err == nil {
		if got := strings.TrimSpace(string(text)); want > 0 && got == "-1" || want == 0 && got != "-1" {
			t.Errorf("%s: %s says %s, want %g CPUs", name, file, got, want)
		}
	}
}

// TestSignal holds that a signal arrives, also by the name of the process, directly and through a helper, and that the restart
// policy works after it: a signal by the engine would have disabled it.
func TestSignal(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.start(t, "a", "a", "1", nil)
	for _, o := range []docker.Options{{}, {Helper: true}} {
		o.Image, o.HelperCommand = y.image, []string{"/member", "hostkill"}
		rt := y.runtime(t, o)
		if got, err := y.ask(t.Context(), "a", "/hups"); got != "0" || err != nil {
			t.Fatalf("SIGHUPs = %q, %v; want none yet", got, err)
		}
		if eff, err := y.do(t, rt, "a", chaos.Op{Verb: chaos.VerbSignal, Signal: "SIGHUP", Process: "member"}); err != nil || eff.Proof == "" {
			t.Fatalf("signal = %+v, %v", eff, err)
		}
		waitFor(t, "SIGHUP has arrived", func() bool { got, _ := y.ask(t.Context(), "a", "/hups"); return got == "1" })
		if _, err := y.do(t, rt, "a", chaos.Op{Verb: chaos.VerbSignal, Signal: "SIGHUP", Process: "nobody"}); err == nil {
			t.Error("signal to a process that there is not = nil, want an error")
		}
		before, err := y.answer(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := y.do(t, rt, "a", chaos.Op{Verb: chaos.VerbSignal, Signal: "SIGKILL"}); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the restart policy acts", func() bool { now, err := y.answer(t.Context(), "a"); return err == nil && now != before })
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	address := y.estate(t)
	y.startIn(t, "host", "host")
	all, err := y.runtime(t, docker.Options{}).List(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("List = %v, %v; want two", all, err)
	}
	host, web := all[0], all[1]
	if !host.HostNetwork || web.HostNetwork {
		t.Errorf("HostNetwork = %v and %v, want true for host and false for web", host.HostNetwork, web.HostNetwork)
	}
	if len(web.Networks) != 2 || web.Networks[0].Network != y.project+"_back" || web.Networks[0].Addr != address || !web.Networks[1].Addr.IsValid() {
		t.Errorf("Networks = %v, want back with %s and front with an address", web.Networks, address)
	}
	if web.Image != y.image || !slices.Contains(web.Env, "COLOUR=blue") {
		t.Errorf("Image = %q, Env = %q; want %q and COLOUR=blue", web.Image, web.Env, y.image)
	}
}
