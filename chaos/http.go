package chaos

import (
	"fmt"
	"slices"
	"time"
)

// HTTP disturbs a share of the requests that reach the targets' HTTP ports, by a transparent proxy in front of them.
type HTTP struct {
	Ports  []uint16      // where the targets serve HTTP/1.1; none: the ports that their images declare
	Path   string        // pattern as of path.Match, or a prefix that ends in "/"; "" is every path
	Method string        // "" is every method
	Share  float64       // of the matching requests, (0,1]
	Status int           // answer with it instead of asking the target, 400 to 599
	Delay  time.Duration // before the request goes on or is answered, up to 1 min
	Abort  bool          // close the connection with RST instead of answering
}

// Kind is "http".
func (*HTTP) Kind() string { return "http" }

// Check wants one effect at least, and not two answers.
func (h *HTTP) Check() error {
	switch {
	case h.Status != 0 && (h.Status < 400 || h.Status > 599):
		return fmt.Errorf("%w: http: status %d: write 400 to 599", ErrBadStep, h.Status)
	case h.Delay < 0 || h.Delay > time.Minute:
		return fmt.Errorf("%w: http: delay %s: write up to 1m", ErrBadStep, h.Delay)
	case h.Status == 0 && h.Delay == 0 && !h.Abort:
		return fmt.Errorf("%w: http: nothing happens: write status, delay or abort", ErrBadStep)
	case h.Status != 0 && h.Abort:
		return fmt.Errorf("%w: http: a request can't be answered with a status and aborted: write one of them", ErrBadStep)
	}
	return checkRatio("http", "share", h.Share, false)
}

// Plan puts a proxy in front of each target.
func (h *HTTP) Plan(s Scene, on []Container) ([]Action, error) {
	var out []Action
	for i, c := range on {
		ports := h.Ports
		if len(ports) == 0 {
			ports = slices.Clone(c.Ports)
		}
		if len(ports) == 0 {
			return nil, fmt.Errorf("%w: http: %s declares no port: write ports: [8080]", ErrBadStep, c.Name)
		}
		if c.HostNetwork {
			return nil, fmt.Errorf("%w %s: it shares the host's network, so the proxy would hit the host", ErrRefused, c.Name)
		}
		do := Op{Verb: VerbHTTP, HTTP: &HTTPRule{
			Ports: ports, Path: h.Path, Method: h.Method, Share: h.Share, Status: h.Status, Delay: h.Delay, Abort: h.Abort, Seed: s.Seed + uint64(i),
		}}
		out = append(out, Action{Target: Target{ID: c.ID, Name: c.Name}, Do: do, Undo: revoke(do)})
	}
	return out, nil
}
