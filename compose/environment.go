package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/docker/docker/api/types/network"
)

// DefaultPortBase is the first host port that topologies publish on. It lies below 32768, where kernels begin to hand out
// ports of their own, so that a container finds its port again when it restarts.
const DefaultPortBase = 18000

// envPortBase overrides DefaultPortBase.
const envPortBase = "GAUNTLET_PORT_BASE"

// ErrPort means that a host port that the topology publishes can't be had.
var ErrPort = errors.New("port")

// environment is what the topology's files refer to: images, the network's first three numbers and the host ports.
func (e *Engine) environment(ctx context.Context, t Topology, opt Options) ([]string, error) {
	base, err := portBase(opt.PortBase)
	if err != nil {
		return nil, err
	}
	ports, err := t.ports(base)
	if err != nil {
		return nil, err
	}
	if err := checkPorts(ports); err != nil {
		return nil, fmt.Errorf("topology %s cannot be published: %w\n  mend: stop what uses them, or choose other ports with --port-base or %s (now %d)", t.Name, err, envPortBase, base)
	}
	prefix, err := e.freeNetwork(ctx)
	if err != nil {
		return nil, err
	}
	env := []string{"GAUNTLET_NET=" + prefix}
	for _, target := range t.Targets {
		env = append(env, "GAUNTLET_IMAGE_"+strings.ToUpper(target)+"="+imageName(target))
	}
	for offset, port := range ports {
		env = append(env, fmt.Sprintf("GAUNTLET_PORT_%s=%d", offset, port))
	}
	if len(t.Overlays) > 0 {
		config, err := t.prometheus(prefix, cmp.Or(opt.Scrape, defaultScrape))
		if err != nil {
			return nil, err
		}
		env = append(env, "GAUNTLET_RULES="+opt.Rules, "GAUNTLET_PROMETHEUS="+config)
	}
	slices.Sort(env)
	return env, nil
}

// portVariable is how a topology file refers to a host port: the number is its offset from the base.
var portVariable = regexp.MustCompile(`\$\{GAUNTLET_PORT_(\d+)\}`)

// ports maps each offset that the topology's files mention to a host port.
func (t Topology) ports(base int) (map[string]int, error) {
	out := map[string]int{}
	for _, name := range t.Files {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for _, m := range portVariable.FindAllStringSubmatch(string(text), -1) {
			offset, err := strconv.Atoi(m[1])
			if err != nil {
				return nil, err
			}
			if out[m[1]] = base + offset; base < 1024 || base+offset > 65535 {
				return nil, fmt.Errorf("%w base %d: %d to 65000 can be used; below 32768 is best", ErrPort, base, 1024)
			}
		}
	}
	return out, nil
}

// portBase is the base that was asked for, else that of the environment, else the default.
func portBase(asked int) (int, error) {
	text := os.Getenv(envPortBase)
	if asked != 0 || text == "" {
		return cmp.Or(asked, DefaultPortBase), nil
	}
	base, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%w base: %s=%q is not a number; give one such as %d", ErrPort, envPortBase, text, DefaultPortBase)
	}
	return base, nil
}

// checkPorts names all ports that can't be had, in order.
func checkPorts(ports map[string]int) error {
	var errs []error
	for _, port := range slices.Sorted(maps.Values(ports)) {
		errs = append(errs, checkPort(port))
	}
	return errors.Join(errs...)
}

// checkPort asks the kernel whether the port is free on 127.0.0.1.
func checkPort(port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w 127.0.0.1:%d is in use", ErrPort, port)
	case err != nil:
		return fmt.Errorf("%w 127.0.0.1:%d: %w", ErrPort, port, err)
	}
	return l.Close()
}

// freeNetwork finds a /24 that no Docker network and no interface of this machine overlaps, and returns its first three numbers.
func (e *Engine) freeNetwork(ctx context.Context) (string, error) {
	taken, err := e.takenNetworks(ctx)
	if err != nil {
		return "", err
	}
	for third := range 256 {
		prefix := fmt.Sprintf("10.213.%d", third)
		if free(netip.MustParsePrefix(prefix+".0/24"), taken) {
			return prefix, nil
		}
	}
	return "", errors.New("no free network in 10.213.0.0/16; remove unused ones: docker network prune")
}

func (e *Engine) takenNetworks(ctx context.Context) ([]netip.Prefix, error) {
	all, err := e.api.NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return nil, err
	}
	var out []netip.Prefix
	for _, n := range all {
		for _, c := range n.IPAM.Config {
			if p, err := netip.ParsePrefix(c.Subnet); err == nil {
				out = append(out, p)
			}
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out, nil
}

func free(want netip.Prefix, taken []netip.Prefix) bool {
	return !slices.ContainsFunc(taken, want.Overlaps)
}
