//go:build linux

package httpfault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"gauntlet/chaos"
)

// TableName is the nftables table with the redirects, of family inet, in the target's network namespace.
const TableName = "gauntlet_http"

// diverter sends the target's incoming connections elsewhere, until it is closed or the process ends.
type diverter interface {
	// divert makes new connections to these ports reach the port to instead, and answers packets of all others to them with RST.
	// It replaces what was diverted before, in one step. Without ports nothing is diverted, but connections that were, go on.
	divert(ports []uint16, to uint16) error
	// diverted reads back what is diverted now, in ascending order.
	diverted() ([]uint16, error)
	// close ends it and proves that it did. Connections that were diverted break.
	close() error
}

// Worker is the agent.Worker for chaos.VerbHTTP. It works in the network namespace that the process is in.
type Worker struct {
	open     func() (diverter, error)
	original func(*net.TCPConn) (netip.AddrPort, error)
	destroy  func(ports []uint16) // ends established connections, as far as the kernel can

	rules map[string]*rule
	proxy *proxy   // nil until the first rule
	away  diverter // nil until the first rule
	to    []uint16 // the ports that are diverted
}

// New makes a worker that disturbs nothing yet.
func New() *Worker {
	return &Worker{open: openTable, original: originalDestination, destroy: destroyEstablished, rules: map[string]*rule{}}
}

// Apply adds or replaces the rule id. Rules compose: a request meets all that match, in the order of their ids; delays add up,
// and the first that gives a status or aborts decides.
func (w *Worker) Apply(_ context.Context, id string, op chaos.Op) (string, error) {
	if op.Verb != chaos.VerbHTTP {
		return "", fmt.Errorf("http: can't carry out %q", op.Verb)
	}
	r, err := newRule(id, op.HTTP)
	if err != nil {
		return "", err
	}
	if err := w.start(); err != nil {
		return "", err
	}
	before, had := w.rules[id]
	w.rules[id] = r
	if err := w.sync(); err != nil {
		delete(w.rules, id)
		if had {
			w.rules[id] = before
		}
		return "", errors.Join(err, w.sync())
	}
	return fmt.Sprintf("nftables table %s: TCP ports %s to a proxy at port %d: %s for %v of the requests", TableName, list(r.Ports), w.proxy.port, r.words(), r.Share), nil
}

// Check reads the redirects back from the kernel, and asks whether the proxy runs.
func (w *Worker) Check(_ context.Context, id string) error {
	r, ok := w.rules[id]
	if !ok {
		return fmt.Errorf("http: no rule %q", id)
	}
	now, err := w.away.diverted()
	if err != nil {
		return err
	}
	for _, port := range r.Ports {
		if !slices.Contains(now, port) {
			return fmt.Errorf("http: port %d is no longer redirected", port)
		}
	}
	return w.proxy.alive()
}

// Clear ends the rule id, and reads back that no more is redirected than other rules ask for. Running connections end as the
// package says. In a new process there is nothing to do, because the kernel removed the table with the old one.
func (w *Worker) Clear(_ context.Context, id string, _ chaos.Op) error {
	if _, ok := w.rules[id]; !ok {
		return nil
	}
	delete(w.rules, id)
	return w.sync()
}

// Close clears everything and removes the table. Connections that still run through the proxy break.
func (w *Worker) Close() error {
	clear(w.rules)
	var err error
	if w.away != nil {
		err = w.away.close()
	}
	if w.proxy != nil {
		w.proxy.close()
	}
	w.proxy, w.away, w.to = nil, nil, nil
	return err
}

// start makes sure that there are a table and a proxy that works.
func (w *Worker) start() error {
	if w.away == nil {
		d, err := w.open()
		if err != nil {
			return err
		}
		w.away = d
	}
	if w.proxy != nil && w.proxy.alive() == nil {
		return nil
	}
	p, err := startProxy(w.original)
	if err != nil {
		return err
	}
	w.proxy = p
	return nil
}

// sync makes the proxy and the kernel do what the rules say, and proves it by reading back.
func (w *Worker) sync() error {
	w.proxy.set(w.rules)
	ports := map[uint16]bool{}
	for _, r := range w.rules {
		for _, p := range r.Ports {
			ports[p] = true
		}
	}
	want := slices.Sorted(maps.Keys(ports))
	if len(want) == 0 && len(w.to) == 0 {
		return nil
	}
	if err := w.away.divert(want, w.proxy.port); err != nil {
		return err
	}
	now, err := w.away.diverted()
	if err != nil {
		return err
	}
	if !slices.Equal(now, want) {
		return fmt.Errorf("http: redirected are ports [%s], want [%s]", list(now), list(want))
	}
	fresh := slices.DeleteFunc(want, func(p uint16) bool { return slices.Contains(w.to, p) })
	w.to = now
	if len(fresh) > 0 {
		w.destroy(fresh)
	}
	return nil
}

func list(ports []uint16) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(ports)), ", "), "[]")
}
