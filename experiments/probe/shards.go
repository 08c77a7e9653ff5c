package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// shardNames are the database clusters of the topology, in order; "" stands for the only one where there are no shards.
func (w Watch) shardNames() []string {
	var out []string
	for _, e := range w.of(Postgres) {
		out = append(out, e.Shard)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sharded says whether there are several database clusters.
func (w Watch) sharded() bool {
	return slices.ContainsFunc(w.of(Postgres), func(e Endpoint) bool { return e.Shard != "" })
}

// inShard sees one database cluster and all that is no database. A shard's scope in the consensus store has the shard's name.
func (w Watch) inShard(name string) Watch {
	w.Endpoints = slices.DeleteFunc(slices.Clone(w.Endpoints), func(e Endpoint) bool { return e.Kind == Postgres && e.Shard != name })
	if name != "" {
		w.Scope = name
	}
	return w
}

// clusters are sessions that watch one database cluster each; what else there is they share.
func (s *session) clusters() map[string]*session {
	out := map[string]*session{}
	for _, name := range s.watch.clusterNames() {
		c := *s
		c.watch, c.shard = s.watch.inShard(name), name
		c.board, c.pulse = newBoard(), newPulse()
		out[name] = &c
	}
	return out
}

// cluster is the target of what the whole database cluster is or does.
func (s *session) cluster() string { return or(s.shard, Cluster) }

// mapPath is where the target app keeps its shard map, in etcd's v2 API.
const mapPath = "/v2/keys/gauntlet/shards"

// shardMap is the target app's: who owns which slot, and which keys have a slot of their own.
type shardMap struct {
	Version int64         `json:"version"`
	Owners  []string      `json:"owners"`
	Hot     map[int64]int `json:"hot"`
}

// buckets and spread are the app's: how a key falls into a bucket.
const buckets, spread = 256, 159

// owner is the shard where a user's posts belong, "" if the map does not say.
func (m *shardMap) owner(user int64) string {
	slot, hot := m.Hot[user]
	if !hot {
		slot = int(uint8(user) * spread)
	}
	if slot < 0 || slot >= len(m.Owners) {
		return ""
	}
	return m.Owners[slot]
}

// loadMap asks one consensus node after the other.
func (w Watch) loadMap(ctx context.Context) (*shardMap, error) {
	errs := []error{errors.New("no consensus node gives the shard map")}
	for _, e := range w.of(Etcd) {
		m, err := loadMapFrom(ctx, e)
		if err == nil {
			return m, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func loadMapFrom(ctx context.Context, e Endpoint) (*shardMap, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	n, err := newHTTPNode(e, 2379)
	if err != nil {
		return nil, err
	}
	defer n.close()
	text, err := readKey(ctx, n, mapPath+"?quorum=true")
	if err != nil {
		return nil, err
	}
	m := &shardMap{}
	if err := json.Unmarshal([]byte(text), m); err != nil || len(m.Owners) < buckets {
		return nil, fmt.Errorf("%s: the shard map has %d slots: %w", e.Name, len(m.Owners), errors.Join(err, ErrEndpoint))
	}
	return m, nil
}

// errMapChanged says that rows moved while they were read.
var errMapChanged = errors.New("the shard map changed while the writes were read back")

// readShards reads all shards at the same time. Where a write belongs is judged by the map, which must not change meanwhile.
func (w Watch) readShards(ctx context.Context, origin time.Time, wait time.Duration) []ReadBack {
	before, err := w.loadMap(ctx)
	names := w.shardNames()
	parts := make([][]ReadBack, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { parts[i] = w.inShard(name).readCluster(ctx, origin, wait, placing{name, before}) })
	}
	wg.Wait()
	if err == nil {
		var after *shardMap
		if after, err = w.loadMap(ctx); err == nil && after.Version != before.Version {
			err = errMapChanged
		}
	}
	out := slices.Concat(parts...)
	for i := range out {
		if err != nil && out[i].Err == "" {
			out[i].Err = err.Error()
		}
	}
	return out
}

// placing judges where writes belong; the zero value judges nothing.
type placing struct {
	shard string
	m     *shardMap
}

func (p placing) misplaced(users ...int64) bool {
	return p.m != nil && slices.ContainsFunc(users, func(user int64) bool { return p.m.owner(user) != p.shard })
}
