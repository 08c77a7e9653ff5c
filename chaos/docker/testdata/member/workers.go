package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"gauntlet/chaos"
	"gauntlet/chaos/agent"
	"gauntlet/chaos/agent/httpfault"
	"gauntlet/chaos/agent/netfault"
	"gauntlet/chaos/agent/resource"
)

func testWorker(v chaos.Verb, _ string, pid int) (agent.Worker, error) {
	switch v {
	case chaos.VerbNet:
		return &beacon{}, nil
	case chaos.VerbResource:
		return &litter{root: fmt.Sprintf("/proc/%d/root", pid)}, nil
	}
	return nil, nil
}

// realWorker makes what gauntlet agent has, but for state: no server is in these tests.
func realWorker(v chaos.Verb, target string, pid int) (agent.Worker, error) {
	switch v {
	case chaos.VerbNet:
		return netfault.New()
	case chaos.VerbHTTP:
		return httpfault.New(), nil
	case chaos.VerbResource:
		return resource.New(target, pid), nil
	}
	return nil, nil
}

// beacon opens a port in the target's network: what the kernel takes back when the agent dies, and what a new life of the
// target does not have.
type beacon struct{ open map[string]net.Listener }

func (b *beacon) Apply(_ context.Context, id string, op chaos.Op) (string, error) {
	if len(op.Net.Ports) == 0 {
		panic("a rule without ports")
	}
	if err := b.Clear(context.Background(), id, op); err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", op.Net.Ports[0]))
	if err != nil {
		return "", err
	}
	if b.open == nil {
		b.open = map[string]net.Listener{}
	}
	b.open[id] = l
	return fmt.Sprintf("port %d is open", op.Net.Ports[0]), nil
}

func (b *beacon) Check(_ context.Context, id string) error {
	if b.open[id] == nil {
		return errors.New("no such port")
	}
	return nil
}

func (b *beacon) Clear(_ context.Context, id string, op chaos.Op) error {
	if l := b.open[id]; l != nil {
		delete(b.open, id)
		return l.Close()
	}
	return nil
}

func (b *beacon) Close() error {
	var errs []error
	for id := range b.open {
		errs = append(errs, b.Clear(context.Background(), id, chaos.Op{}))
	}
	return errors.Join(errs...)
}

// litter leaves a file in the target: what outlives its agent.
type litter struct{ root string }

func (l *litter) path(id string, op chaos.Op) string {
	return filepath.Join(l.root, op.Resource.DiskPath, "litter-"+id)
}

func (l *litter) Apply(_ context.Context, id string, op chaos.Op) (string, error) {
	return "a file lies there", os.WriteFile(l.path(id, op), []byte("litter"), 0o600)
}

func (l *litter) Check(context.Context, string) error { return nil }

func (l *litter) Clear(_ context.Context, id string, op chaos.Op) error {
	if err := os.Remove(l.path(id, op)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (l *litter) Close() error { return nil }
