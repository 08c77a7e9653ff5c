package register

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// API says how a system's registers are asked. {key} and {value} stand for numbers; requests are "METHOD /path".
type API struct {
	Set     string // answered with 2xx: it holds
	Body    string // of Set
	Current string // answered with a JSON object, or 404 while the register was never set
	Session string // as Current; "": sessions are not checked
	Field   string // of the object, with the value
	Carry   string // header of an answer that the session's next request repeats; "" none
}

// Reference is the API of the reference app.
var Reference = API{
	Set: "PUT /registers/{key}", Body: `{"value":{value}}`, Current: "GET /registers/{key}?current=1", Session: "GET /registers/{key}",
	Field: "value", Carry: "X-Session-LSN",
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

// caller asks one system.
type caller struct {
	api    API
	base   string
	client *http.Client
}

func newCaller(api API, base string, timeout time.Duration) *caller {
	dial := (&net.Dialer{Timeout: timeout}).DialContext
	return &caller{api: api, base: strings.TrimSuffix(base, "/"), client: &http.Client{
		Timeout: timeout, Transport: &http.Transport{DialContext: dial, MaxConnsPerHost: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (c *caller) close() { c.client.CloseIdleConnections() }

// call fills in the op's end, and carries the session's header on.
func (c *caller) call(ctx context.Context, op *Op, session *string) {
	line, body := c.api.Set, c.api.Body
	switch op.Kind {
	case Current:
		line, body = c.api.Current, ""
	case Session:
		line, body = c.api.Session, ""
	}
	resp, err := c.send(ctx, fill(line, *op), fill(body, *op), *session)
	if err != nil {
		op.lost(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	op.Server = resp.Header.Get("X-Served-By")
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		op.lost(err)
	case op.Kind == Set:
		op.written(resp)
	default:
		op.read(resp, text, c.api.Field)
	}
	if h := resp.Header.Get(c.api.Carry); op.Out == OK && c.api.Carry != "" && h != "" {
		*session = h
	}
}

func fill(text string, op Op) string {
	return strings.NewReplacer("{key}", strconv.FormatInt(op.Key, 10), "{value}", strconv.FormatInt(op.Value, 10)).Replace(text)
}

// send sends one request. A body that can't be had again keeps net/http from repeating a write by itself.
func (c *caller) send(ctx context.Context, line, body, session string) (*http.Response, error) {
	method, path, _ := strings.Cut(line, " ")
	var r io.Reader
	if body != "" {
		r = io.NopCloser(bytes.NewReader([]byte(body)))
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, r)
	if err != nil {
		return nil, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if session != "" && c.api.Carry != "" {
		req.Header.Set(c.api.Carry, session)
	}
	return c.client.Do(req)
}

// lost ends an op that has no answer. A write that could not even connect had no effect.
func (op *Op) lost(err error) {
	op.Out, op.Err = Info, short(err)
	var at *net.OpError
	if op.Kind != Set || errors.As(err, &at) && at.Op == "dial" {
		op.Out = Fail
	}
}

// written ends a write that was answered. Only an answer that says so is taken for no effect: a server error may have had one.
func (op *Op) written(resp *http.Response) {
	switch {
	case resp.StatusCode/100 == 2:
		op.Out = OK
		return
	case resp.StatusCode/100 == 4 || resp.Header.Get("X-Effect") == "none":
		op.Out = Fail
	default:
		op.Out = Info
	}
	op.Err = "status " + strconv.Itoa(resp.StatusCode)
}

// read ends a read that was answered.
func (op *Op) read(resp *http.Response, text []byte, field string) {
	if op.Out = OK; resp.StatusCode == http.StatusNotFound {
		op.Value = 0
		return
	}
	if resp.StatusCode != http.StatusOK {
		op.Out, op.Err = Fail, "status "+strconv.Itoa(resp.StatusCode)
		return
	}
	var object map[string]json.RawMessage
	err := json.Unmarshal(text, &object)
	if err == nil {
		err = json.Unmarshal(object[field], &op.Value)
	}
	if err != nil {
		op.Out, op.Err = Fail, fmt.Sprintf("no number %q in %.80q", field, text)
	}
}

// short is an error without the URL.
func short(err error) string {
	var of interface{ Unwrap() error }
	if errors.As(err, &of) && of.Unwrap() != nil {
		err = of.Unwrap()
	}
	return err.Error()
}
