package probe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// The live roles that [Watch.Roles] knows.
const (
	RolePrimary     = "postgres-primary"      // accepts writes
	RoleReplica     = "postgres-replica"      // is in recovery, the synchronous standby included
	RoleSyncStandby = "postgres-sync-standby" // a primary waits for it before it acknowledges
	RoleEtcdLeader  = "etcd-leader"

	RoleRedisMaster  = "redis-master" // says so itself: of a session store, of a cluster's slots
	RoleRedisReplica = "redis-replica"

	RoleRabbitLeader = "rabbitmq-leader" // leads at least one quorum queue
)

// roleLimit is how long one node may take to say its role, and roleAgain how long when it is asked once more: a machine that is busy
// answers late, and a node that is missed is not among the targets.
const (
	roleLimit = 300 * time.Millisecond
	roleAgain = 700 * time.Millisecond
)

// ErrSilent says that no node answered.
var ErrSilent = errors.New("no node answered")

// Roles asks all nodes at the same time, each for at most 300 ms and, if it was silent, for 700 ms more, which roles they
// have now. It maps each role to the sorted names of the nodes that have it; a role that nobody has is absent. Two nodes that
// both say they are primary both have the role. A node that doesn't answer has those that another one knows of: who streams from
// a primary is its replica. The error is [ErrSilent], with the reasons, if no node answered at all.
func (w Watch) Roles(ctx context.Context) (map[string][]string, error) {
	w = w.withDefaults()
	var dbs []sighting
	var leads, queues map[string]bool
	var says map[string]string
	var dbErr, etcdErr, redisErr, rabbitErr error
	var wg sync.WaitGroup
	wg.Go(func() { dbs, dbErr = w.census(ctx) })
	wg.Go(func() { leads, etcdErr = w.etcdLeads(ctx) })
	wg.Go(func() { says, redisErr = w.redisSays(ctx) })
	wg.Go(func() { queues, rabbitErr = w.rabbitLeads(ctx) })
	wg.Wait()
	roles := mergeRoles(dbs, leads)
	addRedis(roles, says)
	addLeaders(roles, RoleRabbitLeader, queues)
	if len(dbs)+len(leads)+len(says)+len(queues) == 0 {
		return roles, fmt.Errorf("%w about its role: %w", ErrSilent, errors.Join(dbErr, etcdErr, redisErr, rabbitErr))
	}
	return roles, nil
}

// mergeRoles turns what the nodes say into names per role.
func mergeRoles(dbs []sighting, leads map[string]bool) map[string][]string {
	roles := map[string][]string{}
	add := func(role, name string) {
		if !slices.Contains(roles[role], name) {
			roles[role] = append(roles[role], name)
		}
	}
	answered := func(name string) bool {
		return slices.ContainsFunc(dbs, func(d sighting) bool { return d.node == name })
	}
	for _, d := range dbs {
		if d.Recovery {
			add(RoleReplica, d.node)
			continue
		}
		add(RolePrimary, d.node)
		for _, name := range d.Streaming {
			if !answered(name) {
				add(RoleReplica, name)
			}
		}
		for _, name := range d.Sync {
			add(RoleSyncStandby, name)
		}
	}
	for _, names := range roles {
		slices.Sort(names)
	}
	addLeaders(roles, RoleEtcdLeader, leads)
	return roles
}

// addLeaders adds those who say that they lead, in the order of their names.
func addLeaders(roles map[string][]string, role string, leads map[string]bool) {
	for _, name := range slices.Sorted(maps.Keys(leads)) {
		if leads[name] {
			roles[role] = append(roles[role], name)
		}
	}
}

// sighting is what one database node says of itself.
type sighting struct {
	node      string
	Recovery  bool
	LSN       int64    // written by a primary, replayed by a replica: bytes from the log's beginning
	Timeline  int64    // that a primary writes, that a replica streams; 0: it does not stream
	Streaming []string // replicas that stream from it
	Sync      []string // those of them that it waits for
}

const censusSQL = `select r,
 (case when r then coalesce(pg_last_wal_replay_lsn(), '0/0') else pg_current_wal_lsn() end - '0/0'::pg_lsn)::bigint,
 case when r then coalesce((select received_tli from pg_stat_wal_receiver where status = 'streaming'), 0)
      else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint end,
 array(select application_name from pg_stat_replication where state = 'streaming'),
 array(select application_name from pg_stat_replication where sync_state in ('sync', 'quorum'))
from pg_is_in_recovery() r`

// census asks all database nodes. The error joins the reasons of those that are missing.
func (w Watch) census(ctx context.Context) ([]sighting, error) {
	return askAll(ctx, w.of(Postgres), func(ctx context.Context, e Endpoint) (sighting, error) {
		conn, err := w.connect(ctx, e)
		if err != nil {
			return sighting{}, err
		}
		defer conn.close()
		return look(ctx, conn.conn, e.Name)
	})
}

func look(ctx context.Context, conn *pgx.Conn, node string) (sighting, error) {
	s := sighting{node: node}
	err := conn.QueryRow(ctx, censusSQL).Scan(&s.Recovery, &s.LSN, &s.Timeline, &s.Streaming, &s.Sync)
	return s, err
}

// connect makes a connection for one conversation.
func (w Watch) connect(ctx context.Context, e Endpoint) (*db, error) {
	d, err := newDB(w, clock{time.Now()}, e, nil)
	if err != nil {
		return nil, err
	}
	return d, d.open(ctx)
}

// etcdLeads asks all consensus nodes whether they lead.
func (w Watch) etcdLeads(ctx context.Context) (map[string]bool, error) {
	return w.leads(ctx, Etcd, 2379, func(ctx context.Context, n *httpNode) (bool, error) {
		var self selfAnswer
		err := n.get(ctx, "/v2/stats/self", &self)
		return self.leads(), err
	})
}

// leads asks all nodes of a kind, on one of their ports, whether they lead, by name. The error joins the reasons of those that are
// missing.
func (w Watch) leads(ctx context.Context, kind string, port int, ask func(context.Context, *httpNode) (bool, error)) (map[string]bool, error) {
	type lead struct {
		node string
		yes  bool
	}
	all, err := askAll(ctx, w.of(kind), func(ctx context.Context, e Endpoint) (lead, error) {
		n, err := newHTTPNode(e, port)
		if err != nil {
			return lead{}, err
		}
		defer n.close()
		yes, err := ask(ctx, n)
		return lead{e.Name, yes}, err
	})
	leads := map[string]bool{}
	for _, l := range all {
		leads[l.node] = l.yes
	}
	return leads, err
}

// askAll asks all endpoints at the same time and gives the answers in the endpoints' order. An endpoint that was silent
// is asked once more; one that refused is not.
func askAll[T any](ctx context.Context, of []Endpoint, ask func(context.Context, Endpoint) (T, error)) ([]T, error) {
	answers, errs := make([]T, len(of)), make([]error, len(of))
	var wg sync.WaitGroup
	for i, e := range of {
		wg.Go(func() {
			answers[i], errs[i] = within(ctx, roleLimit, e, ask)
			if errs[i] != nil && !refused(errs[i]) {
				answers[i], errs[i] = within(ctx, roleAgain, e, ask)
			}
		})
	}
	wg.Wait()
	var got []T
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("%s: %w", of[i].Name, err)
			continue
		}
		got = append(got, answers[i])
	}
	return got, errors.Join(errs...)
}

func within[T any](ctx context.Context, limit time.Duration, e Endpoint, ask func(context.Context, Endpoint) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return ask(ctx, e)
}
