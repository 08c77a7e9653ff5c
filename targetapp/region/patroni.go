package region

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// patroniLimit is how long a node may take to answer. Nodes of the own region are near.
const patroniLimit = 800 * time.Millisecond

// patroni steers a region's databases through their REST interface.
type patroni struct {
	nodes  []string
	source string // where the other region's primary is
	client *http.Client
}

// cluster is how a region's databases are set up.
type cluster struct {
	live    bool     // somebody leads them and runs
	standby bool     // they stream from the other region
	strayed []string // hosts of members that run on another timeline than their leader
}

// member is a database as its cluster lists it.
type member struct {
	Role, State, Host string
	Timeline          int64 // 0: not known
}

func (m member) leads() bool { return m.Role == "leader" || m.Role == "standby_leader" }
func (m member) runs() bool  { return m.State == "running" || m.State == "streaming" }

// look asks the nodes, all at once, and takes the answer of one that sees a leader.
func (p patroni) look(ctx context.Context) (cluster, error) {
	answers, errs := make([]cluster, len(p.nodes)), make([]error, len(p.nodes))
	var wg sync.WaitGroup
	for i, n := range p.nodes {
		wg.Go(func() { answers[i], errs[i] = p.ask(ctx, n) })
	}
	wg.Wait()
	var best *cluster
	for i := range answers {
		if errs[i] == nil && (best == nil || answers[i].live) {
			best = &answers[i]
		}
	}
	if best == nil {
		return cluster{}, errors.Join(errs...)
	}
	return *best, nil
}

func (p patroni) ask(ctx context.Context, node string) (cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, patroniLimit)
	defer cancel()
	var says struct{ Members []member }
	var config struct {
		Standby json.RawMessage `json:"standby_cluster"`
	}
	err1 := call(ctx, p.client, http.MethodGet, "http://"+node+"/cluster", "", &says)
	err2 := call(ctx, p.client, http.MethodGet, "http://"+node+"/config", "", &config)
	c := cluster{standby: len(config.Standby) > 0 && string(config.Standby) != "null"}
	c.read(says.Members)
	return c, errors.Join(err1, err2)
}

func (c *cluster) read(members []member) {
	var lead member
	for _, m := range members {
		if m.leads() && m.runs() {
			c.live, lead = true, m
		}
	}
	for _, m := range members {
		if c.live && !m.leads() && m.runs() && m.Timeline > 0 && m.Timeline < lead.Timeline {
			c.strayed = append(c.strayed, m.Host)
		}
	}
}

// renew has a member throw its data away and copy the leader's.
func (p patroni) renew(ctx context.Context, host string) error {
	for _, n := range p.nodes {
		if h, _, err := net.SplitHostPort(n); err != nil || h != host {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, patroniLimit)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n+"/reinitialize", strings.NewReader(`{"force": true}`))
		if err != nil {
			return err
		}
		res, err := p.client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode/100 != 2 {
			return fmt.Errorf("reinitialize %s: %s", n, res.Status)
		}
		return nil
	}
	return fmt.Errorf("no Patroni node has the address %s", host)
}

// set makes the databases a cluster of their own, or one that streams from the other region, through any node that takes it.
func (p patroni) set(ctx context.Context, standby bool) error {
	value := any(nil)
	if standby {
		host, port, err := net.SplitHostPort(p.source)
		if err != nil {
			return err
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			return err
		}
		value = map[string]any{"host": host, "port": number, "create_replica_methods": []string{"basebackup"}}
	}
	body, err := json.Marshal(map[string]any{"standby_cluster": value})
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range p.nodes {
		err := p.patch(ctx, n, string(body))
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("set up the databases: %w", errors.Join(errs...))
}

func (p patroni) patch(ctx context.Context, node, body string) error {
	ctx, cancel := context.WithTimeout(ctx, patroniLimit)
	defer cancel()
	return call(ctx, p.client, http.MethodPatch, "http://"+node+"/config", body, &struct{}{})
}
