package roles

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"gauntlet/chaos"
)

// node is a container as it is asked.
type node struct {
	c     chaos.Container
	addrs []netip.Addr
}

func nodeOf(c chaos.Container) node {
	n := node{c: c}
	if c.HostNetwork {
		n.addrs = append(n.addrs, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	for _, a := range c.Networks {
		if a.Addr.IsValid() {
			n.addrs = append(n.addrs, a.Addr)
		}
	}
	for _, a := range c.Networks {
		if a.Addr6.IsValid() {
			n.addrs = append(n.addrs, a.Addr6)
		}
	}
	return n
}

// dial connects to a port at the first of the node's addresses that takes it. Each gets a share of what is left of ctx's time.
func (n node) dial(ctx context.Context, port uint16) (net.Conn, error) {
	if len(n.addrs) == 0 {
		return nil, errors.New("it has no address")
	}
	var errs []error
	for i, a := range n.addrs {
		d := net.Dialer{Timeout: share(ctx, len(n.addrs)-i)}
		conn, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(a, port).String())
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// host is the node's first address, for protocols that name it.
func (n node) host() string {
	if len(n.addrs) == 0 {
		return "0.0.0.0"
	}
	return n.addrs[0].String()
}

// port is what the label gauntlet.port says, else the variable of the environment, else the usual one.
func (n node) port(variable string, usual uint16) uint16 {
	for _, text := range []string{n.c.Labels["gauntlet.port"], n.env(variable)} {
		if p, err := strconv.ParseUint(text, 10, 16); err == nil && p > 0 {
			return uint16(p)
		}
	}
	return usual
}

// env is the value of the first of these variables that is set and not empty.
func (n node) env(variables ...string) string {
	for _, v := range variables {
		for _, kv := range n.c.Env {
			if name, value, _ := strings.Cut(kv, "="); v != "" && name == v && value != "" {
				return value
			}
		}
	}
	return ""
}

// setting is what the label says, else the environment, else the default.
func (n node) setting(label, otherwise string, variables ...string) string {
	if v := n.c.Labels["gauntlet."+label]; v != "" {
		return v
	}
	if v := n.env(variables...); v != "" {
		return v
	}
	return otherwise
}

// bodyLimit bounds what is read of an HTTP answer, in bytes.
const bodyLimit = 8 << 20

// http asks the node's HTTP server, whatever host req names, and returns a 2xx answer's body. It follows no redirects: the
// node must answer itself.
func (n node) http(req *http.Request) ([]byte, error) {
	port, err := strconv.ParseUint(req.URL.Port(), 10, 16)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return n.dial(ctx, uint16(port)) },
	}
	client := http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, &statusError{req.URL.Path, resp.StatusCode}
	}
	return body, nil
}

// statusError is an HTTP answer other than 2xx.
type statusError struct {
	path string
	code int
}

func (e *statusError) Error() string { return fmt.Sprintf("%s answered %d", e.path, e.code) }

// json asks for a path on a port and decodes the answer. A body that is not "" is posted.
func (n node) json(ctx context.Context, port uint16, path, body, user, password string, into any) error {
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	url := "http://" + net.JoinHostPort(n.host(), fmt.Sprint(port)) + path
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	text, err := n.http(req)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// share is the n-th part of what is left of ctx's time.
func share(ctx context.Context, n int) time.Duration {
	if d, ok := ctx.Deadline(); ok {
		return max(time.Until(d)/time.Duration(n), time.Millisecond)
	}
	return askLimit
}
