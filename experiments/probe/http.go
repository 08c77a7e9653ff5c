package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
)

// bodyLimit bounds what is read of an answer.
const bodyLimit = 1 << 20

// httpNode is one poller's own connection to one HTTP server.
type httpNode struct {
	name   string
	base   string
	client *http.Client
}

func newHTTPNode(e Endpoint, port int) (*httpNode, error) {
	addr, err := e.addr(port)
	if err != nil {
		return nil, err
	}
	dial := (&net.Dialer{Timeout: askLimit}).DialContext // a dial outlives the request that caused it, and would block the next ones
	t := &http.Transport{DialContext: dial, MaxConnsPerHost: 1, MaxIdleConnsPerHost: 1, DisableCompression: true}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &httpNode{name: e.Name, base: "http://" + addr, client: &http.Client{Transport: t, CheckRedirect: stay}}, nil
}

// get asks for a path and decodes a 200 answer's JSON. Another status is an error that wraps errRefused.
func (h *httpNode) get(ctx context.Context, path string, into any) error {
	body, err := h.body(ctx, path)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// body asks for a path and returns a 200 answer's body. Another status is an error that wraps errRefused.
func (h *httpNode) body(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.base+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &statusError{path, resp.StatusCode, body}
	}
	return body, nil
}

func (h *httpNode) close() { h.client.CloseIdleConnections() }

// statusError is an HTTP answer other than 200.
type statusError struct {
	path string
	code int
	body []byte
}

func (e *statusError) Error() string { return fmt.Sprintf("GET %s answered %d", e.path, e.code) }
func (e *statusError) Unwrap() error { return errRefused }
