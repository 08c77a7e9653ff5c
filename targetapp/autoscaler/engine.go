package autoscaler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Engine is the Docker Engine behind a socket. The calls name no version: the engine takes its own, which has all that is needed
// since 1.24.
type Engine struct{ http *http.Client }

const (
	engineLimit  = 30 * time.Second // one call; a stop may take its drain time more
	engineAnswer = 8 << 20          // bytes
)

// ErrNoSuch means that the engine knows no such container.
var ErrNoSuch = errors.New("no such container")

// OpenEngine returns the engine that listens on the Unix socket, such as /var/run/docker.sock. It does not connect yet.
func OpenEngine(socket string) *Engine {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", socket)
	}
	return &Engine{&http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// call sends body, if any, as JSON and reads the answer into into, if any. Numbers are kept as they are written.
func (e *Engine) call(ctx context.Context, method, path string, query url.Values, body, into any) error {
	var send io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		send = bytes.NewReader(text)
	}
	resp, err := e.do(ctx, method, path, query, send)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := json.NewDecoder(io.LimitReader(resp.Body, engineAnswer))
	answer.UseNumber() // a memory limit is no float
	if resp.StatusCode/100 != 2 && resp.StatusCode != http.StatusNotModified {
		return refused(method, path, resp.StatusCode, answer)
	}
	if into == nil {
		return nil
	}
	if err := answer.Decode(into); err != nil {
		return fmt.Errorf("engine: %s %s: %w", method, path, err)
	}
	return nil
}

// open returns what the engine answers as it comes. Close it after use.
func (e *Engine) open(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	resp, err := e.do(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, refused(http.MethodGet, path, resp.StatusCode, json.NewDecoder(io.LimitReader(resp.Body, engineAnswer)))
	}
	return resp.Body, nil
}

func (e *Engine) do(ctx context.Context, method, path string, query url.Values, send io.Reader) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: "docker", Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), send)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := e.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("engine: %w; is its socket mounted into this container?", err)
	}
	return resp, nil
}

// refused is what the engine says of a call that failed.
func refused(method, path string, code int, answer *json.Decoder) error {
	var said struct{ Message string }
	_ = answer.Decode(&said) // it may say nothing
	err := fmt.Errorf("engine: %s %s: %d %s", method, path, code, said.Message)
	if code == http.StatusNotFound {
		err = fmt.Errorf("%w: %w", ErrNoSuch, err)
	}
	return err
}
