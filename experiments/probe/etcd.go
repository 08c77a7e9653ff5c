package probe

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// Cluster is the target of what no single node owns.
const Cluster = "cluster"

// etcdPollers ask one consensus node whether it leads.
func (s *session) etcdPollers(e Endpoint) ([]poller, error) {
	node, err := newHTTPNode(e, 2379)
	if err != nil {
		return nil, err
	}
	a := &selfAsker{httpNode: node, store: s.store, health: health{target: e.Name, out: s.out}}
	return []poller{{name: "store " + e.Name, every: slowEvery, limit: askLimit, asker: a}}, nil
}

type selfAsker struct {
	*httpNode
	store  *store
	health health
	now    selfAnswer
}

type selfAnswer struct {
	State string `json:"state"`
}

func (a selfAnswer) leads() bool { return a.State == "StateLeader" }

func (a *selfAsker) ask(ctx context.Context) error {
	a.now = selfAnswer{}
	return a.get(ctx, "/v2/stats/self", &a.now)
}

func (a *selfAsker) tell(s span, err error) {
	a.health.saw(err, s)
	a.store.saw(a.name, err == nil, a.now.leads(), s)
}

// store is what the consensus nodes last said of themselves.
type store struct {
	mu     sync.Mutex
	leads  map[string]bool // nodes that answered last time
	leader watched
}

func newStore(out *emitter) *store {
	return &store{leads: map[string]bool{}, leader: watchFor(out, StoreLeader, Cluster)}
}

func (t *store) saw(node string, answered, leads bool, s span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.leads, node)
	if answered {
		t.leads[node] = leads
	}
	t.leader.saw(leaderNames(t.leads), s)
}

// leaderNames joins those that say that they lead: Unknown if nobody answers, "" if none leads. A leader that was cut
// off believes in itself until its election timeout has passed, so there can be two for a second.
func leaderNames(leads map[string]bool) string {
	if len(leads) == 0 {
		return Unknown
	}
	var names []string
	for n, yes := range leads {
		if yes {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return strings.Join(names, "+")
}

func (t *store) isLeader(node string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.leads[node]
}

// keyPollers watch Patroni's keys in the consensus store.
func (s *session) keyPollers() ([]poller, error) {
	leader, err := s.newKeyAsker("leader", Leader, func(v string) (string, error) { return v, nil })
	if err != nil {
		return nil, err
	}
	sync, err := s.newKeyAsker("sync", SyncName, syncStandby)
	if err != nil {
		return nil, err
	}
	return []poller{
		{name: s.named("leader key"), every: stateEvery, limit: askLimit, asker: leader},
		{name: s.named("sync key"), every: slowEvery, limit: askLimit, asker: sync},
	}, nil
}

// keyAsker reads one key from whichever consensus node answers, the leading one first: the others may be behind it, and
// one that is cut off stays behind.
//
// Note: quorum=true would make each read linearizable at the price of a log entry and a disk flush on every node, 25
// times a second, which disturbs what is measured.
type keyAsker struct {
	*session
	path   string
	decode func(string) (string, error)
	state  watched
	nodes  []*keyNode
	value  string
}

type keyNode struct {
	*httpNode
	failed time.Duration // when it last gave no answer, 0 if it does answer
}

func (s *session) newKeyAsker(key, what string, decode func(string) (string, error)) (*keyAsker, error) {
	a := &keyAsker{session: s, path: keyPath(s.watch.Scope, key), decode: decode, state: watchFor(s.out, what, s.cluster())}
	for _, e := range s.watch.of(Etcd) {
		n, err := newHTTPNode(e, 2379)
		if err != nil {
			return nil, err
		}
		a.nodes = append(a.nodes, &keyNode{httpNode: n})
	}
	return a, nil
}

func keyPath(scope, key string) string { return "/v2/keys/service/" + scope + "/" + key }

func (a *keyAsker) ask(ctx context.Context) error {
	a.order()
	var errs []error
	for _, n := range a.nodes {
		v, err := a.askNode(ctx, n)
		if err == nil {
			a.value = v
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// askNode gives each node at most half of what is left of the poll's time, so that one that hangs does not use it up.
func (a *keyAsker) askNode(ctx context.Context, n *keyNode) (string, error) {
	if d, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(d)/2)
		defer cancel()
	}
	v, err := readKey(ctx, n.httpNode, a.path)
	n.failed = 0
	if err != nil {
		n.failed = a.clock.now()
		return "", err
	}
	return a.decode(v)
}

// order puts the nodes that failed within the last second last and the leading one first.
func (a *keyAsker) order() {
	now := a.clock.now()
	rank := func(n *keyNode) int {
		switch {
		case n.failed > 0 && now-n.failed < time.Second:
			return 2
		case a.store.isLeader(n.name):
			return 0
		default:
			return 1
		}
	}
	slices.SortStableFunc(a.nodes, func(x, y *keyNode) int { return rank(x) - rank(y) })
}

func (a *keyAsker) tell(s span, err error) {
	if err != nil {
		a.state.saw(Unknown, s)
		return
	}
	a.state.saw(a.value, s)
}

func (a *keyAsker) close() {
	for _, n := range a.nodes {
		n.close()
	}
}

// readKey gives a key's value in etcd's v2 API, "" if the key is absent.
func readKey(ctx context.Context, n *httpNode, path string) (string, error) {
	var answer struct {
		Node struct {
			Value string `json:"value"`
		} `json:"node"`
	}
	err := n.get(ctx, path, &answer)
	var status *statusError
	if errors.As(err, &status) && status.noKey() {
		return "", nil
	}
	return answer.Node.Value, err
}

// noKey tells an absent key (etcd's error code 100) from an etcd that does not serve its v2 API at all: both are 404.
func (e *statusError) noKey() bool {
	var why struct {
		Code int `json:"errorCode"`
	}
	return e.code == 404 && json.Unmarshal(e.body, &why) == nil && why.Code == 100
}

// syncStandby takes the name out of Patroni's key {"leader":"db1","sync_standby":"db2"}; "" if there is none.
func syncStandby(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	var key struct {
		Standby string `json:"sync_standby"`
	}
	err := json.Unmarshal([]byte(v), &key)
	return key.Standby, err
}
