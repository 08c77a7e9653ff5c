package probe

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"
	"time"
)

// ErrNotSteady says what is missing before a fault may be injected.
var ErrNotSteady = errors.New("the topology is not steady")

// Steady asks once, for at most about a second, whether a fault may be injected now: exactly one database primary, all
// other database nodes stream from it on its timeline, one of them is synchronous if the topology promises so, the
// consensus store has exactly one leader and names the primary, each web node sends writes to the primary, and the load
// balancer has each web node up. Otherwise it returns [ErrNotSteady] with all that is missing.
func (w Watch) Steady(ctx context.Context) error {
	w = w.withDefaults()
	var missing []error
	var mu sync.Mutex
	report := func(errs ...error) {
		mu.Lock()
		defer mu.Unlock()
		missing = append(missing, errs...)
	}
	var wg sync.WaitGroup
	wg.Go(func() { report(w.steadyServers(ctx)) })
	for _, name := range w.clusterNames() {
		wg.Go(func() { report(w.inShard(name).steadyCluster(ctx, name)...) })
	}
	wg.Wait()
	if err := errors.Join(missing...); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSteady, err)
	}
	return nil
}

// clusterNames are those of shardNames, or that of the cluster that a topology without databases does not have either.
func (w Watch) clusterNames() []string {
	if names := w.shardNames(); len(names) > 0 {
		return names
	}
	return []string{""}
}

// steadyCluster judges one database cluster.
func (w Watch) steadyCluster(ctx context.Context, shard string) []error {
	dbs, err := w.census(ctx)
	primary, missing := steadyDatabases(dbs, len(w.of(Postgres)), w.Sync)
	missing = append(missing, err)
	var store, routes error
	var wg sync.WaitGroup
	wg.Go(func() { store = w.steadyStore(ctx, primary) })
	wg.Go(func() { routes = w.steadyRoutes(ctx, shard, primary) })
	wg.Wait()
	missing = append(missing, store, routes)
	if err := errors.Join(missing...); err != nil && shard != "" {
		return []error{fmt.Errorf("shard %s: %w", shard, err)}
	}
	return missing
}

// AwaitSteady asks [Watch.Steady] again every 250 ms until it agrees or ctx ends; then it returns the last answer.
func (w Watch) AwaitSteady(ctx context.Context) error {
	for c := (clock{time.Now()}); ; {
		err := w.Steady(ctx)
		if err == nil {
			return nil
		}
		if !c.sleepUntil(ctx, c.now()+slowEvery) {
			return err
		}
	}
}

// steadyDatabases judges the answers of want database nodes and names the primary, "" if there is not exactly one.
func steadyDatabases(dbs []sighting, want int, sync bool) (primary string, missing []error) {
	if want == 0 {
		return "", nil
	}
	roles := mergeRoles(dbs, nil)
	if n := len(roles[RolePrimary]); n != 1 {
		return "", []error{fmt.Errorf("%d database primaries %v, want 1", n, roles[RolePrimary])}
	}
	primary = roles[RolePrimary][0]
	head := dbs[slices.IndexFunc(dbs, func(s sighting) bool { return s.node == primary })]
	for _, d := range dbs {
		switch {
		case d.node == primary:
		case d.Timeline != head.Timeline:
			missing = append(missing, fmt.Errorf("%s streams timeline %d, want %d of %s (0 is not streaming)", d.node, d.Timeline, head.Timeline, primary))
		case !streams(dbs, d.node):
			missing = append(missing, fmt.Errorf("%s does not stream from %s", d.node, primary))
		}
	}
	if sync && len(head.Sync) == 0 {
		missing = append(missing, fmt.Errorf("%s has no synchronous standby", primary))
	}
	return primary, missing
}

// streams says whether a node streams from the primary, or from a replica: that of another region feeds its own region's.
func streams(dbs []sighting, node string) bool {
	return slices.ContainsFunc(dbs, func(d sighting) bool { return slices.Contains(d.Streaming, node) })
}

func (w Watch) steadyStore(ctx context.Context, primary string) error {
	nodes := w.of(Etcd)
	if len(nodes) == 0 {
		return nil
	}
	leads, silent := w.etcdLeads(ctx)
	errs := []error{silent}
	if name := leaderNames(leads); !leads[name] {
		errs = append(errs, fmt.Errorf("the consensus store's leader is %q, want exactly one node", name))
	}
	holders, err := askAll(ctx, nodes, func(ctx context.Context, e Endpoint) (string, error) {
		n, err := newHTTPNode(e, 2379)
		if err != nil {
			return "", err
		}
		defer n.close()
		return readKey(ctx, n, keyPath(w.Scope, "leader"))
	})
	errs = append(errs, err)
	for _, h := range holders {
		if primary != "" && h != primary {
			errs = append(errs, fmt.Errorf("the leader key of scope %s names %q, the primary is %s", w.Scope, h, primary))
			break
		}
	}
	return errors.Join(errs...)
}

func (w Watch) steadyRoutes(ctx context.Context, shard, primary string) error {
	routes, err := askAll(ctx, w.of(Web), func(ctx context.Context, e Endpoint) (string, error) {
		n, err := newHTTPNode(e, 8080)
		if err != nil {
			return "", err
		}
		defer n.close()
		var r routeAnswer
		err = n.get(ctx, "/route", &r)
		if shard != "" {
			return r.Shards[shard], err
		}
		return r.Primary, err
	})
	for _, r := range routes {
		if primary != "" && r != primary {
			err = errors.Join(err, fmt.Errorf("a web node sends writes to %q, the primary is %s", r, primary))
		}
	}
	return err
}

func (w Watch) steadyServers(ctx context.Context) error {
	all, err := askAll(ctx, w.of(HAProxy), func(ctx context.Context, e Endpoint) (map[string]string, error) {
		addr, err := e.addr(9999)
		if err != nil {
			return nil, err
		}
		return serverStates(ctx, addr)
	})
	for _, states := range all {
		err = errors.Join(err, w.webUp(states))
	}
	return err
}

// webUp judges only servers that are named like a web node: others may be down by design.
func (w Watch) webUp(states map[string]string) error {
	var errs []error
	for _, e := range w.of(Web) {
		for server, state := range states {
			if path.Base(server) == e.Name && state != "UP" && state != "no check" {
				errs = append(errs, fmt.Errorf("the load balancer has %s %s", server, state))
			}
		}
	}
	return errors.Join(errs...)
}
