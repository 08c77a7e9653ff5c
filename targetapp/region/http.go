package region

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// remote is a voter that is reached over HTTP.
type remote struct {
	base   string // such as http://10.0.0.1:8010
	client *http.Client
}

func (r remote) Ask(ctx context.Context, region string, try int64, ttl time.Duration) (Vote, error) {
	q := url.Values{"region": {region}, "try": {strconv.FormatInt(try, 10)}, "ttl": {ttl.String()}}
	var v Vote
	err := call(ctx, r.client, http.MethodPost, r.base+"/vote?"+q.Encode(), "", &v)
	return v, err
}

func (r remote) Release(ctx context.Context, region string, try int64) error {
	q := url.Values{"region": {region}, "try": {strconv.FormatInt(try, 10)}}
	return call(ctx, r.client, http.MethodDelete, r.base+"/vote?"+q.Encode(), "", &Vote{})
}

func (r remote) State(ctx context.Context) (Vote, error) {
	var v Vote
	err := call(ctx, r.client, http.MethodGet, r.base+"/vote", "", &v)
	return v, err
}

// answerLimit bounds what is read of an answer, in bytes.
const answerLimit = 1 << 20

// call sends a request, with a JSON body if there is one, and decodes the answer of 2xx.
func call(ctx context.Context, c *http.Client, method, url, body string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, answerLimit))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s answered %s: %.200s", method, url, res.Status, text)
	}
	return json.Unmarshal(text, into)
}

// State is what an agent says about its region: whether it may write, and for how long.
type State struct {
	Region string `json:"region"`
	Holds  bool   `json:"holds"`
	LeftMS int64  `json:"left_ms"` // of the lease; 0: it is not held
	Other  string `json:"other"`   // the region that holds it instead, as far as is known
	Able   bool   `json:"able"`    // its databases could serve writes
}

// handler serves the voter, and what gates, operators and probes ask for.
func (a *agent) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /vote", func(w http.ResponseWriter, _ *http.Request) { write(w, a.voter.State()) })
	mux.HandleFunc("DELETE /vote", func(w http.ResponseWriter, r *http.Request) {
		try, err := strconv.ParseInt(r.FormValue("try"), 10, 64)
		if err != nil {
			http.Error(w, "want region=NAME and try=NUMBER", http.StatusBadRequest)
			return
		}
		write(w, a.voter.Release(r.FormValue("region"), try))
	})
	mux.HandleFunc("POST /vote", func(w http.ResponseWriter, r *http.Request) {
		try, err1 := strconv.ParseInt(r.FormValue("try"), 10, 64)
		ttl, err2 := time.ParseDuration(r.FormValue("ttl"))
		if err1 != nil || err2 != nil || ttl <= 0 || ttl > a.cfg.lease || r.FormValue("region") == "" {
			http.Error(w, fmt.Sprintf("want region=NAME, try=NUMBER and ttl=TIME of at most %s", a.cfg.lease), http.StatusBadRequest)
			return
		}
		write(w, a.voter.Ask(r.FormValue("region"), try, ttl))
	})
	mux.HandleFunc("GET /lease", func(w http.ResponseWriter, _ *http.Request) { write(w, a.state()) })
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { write(w, a.state()) })
	mux.HandleFunc("GET /ready", a.ready)
	mux.Handle("GET /metrics", a.metrics())
	return mux
}

// ready says whether the agent has found its place: the region may write, or follows one that does. An arbiter is ready when it
// votes.
func (a *agent) ready(w http.ResponseWriter, _ *http.Request) {
	s := a.state()
	if a.lease != nil && !s.Holds && s.Other == "" {
		http.Error(w, "nobody is known to hold the lease", http.StatusServiceUnavailable)
		return
	}
	write(w, s)
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who asked has gone
}
