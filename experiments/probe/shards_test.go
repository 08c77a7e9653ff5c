package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// mapJSON is a key of etcd with a shard map in which one shard owns all buckets but that of user 7.
func mapJSON(t *testing.T, all, ofSeven string) string {
	m := shardMap{Version: 4, Hot: map[int64]int{9: buckets}}
	for range buckets + 1 {
		m.Owners = append(m.Owners, all)
	}
	m.Owners[7*spread%buckets] = ofSeven
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"node":{"value":%q}}`, text)
}

// twoShards are two shards of one database each, and the consensus store.
func twoShards(t *testing.T) (db1, db2 *fakePG, store, web *fakeHTTP, w Watch) {
	db1, db2 = startPG(t, Primary), startPG(t, Primary)
	store = startHTTP(t, map[string]string{
		"/v2/stats/self": leadsJSON, mapPath: mapJSON(t, "s1", "s2"),
		"/v2/keys/service/s1/leader": keyJSON("db1"), "/v2/keys/service/s2/leader": keyJSON("db2"),
		"/v2/keys/service/s1/sync": syncJSON, "/v2/keys/service/s2/sync": syncJSON,
	})
	web = startHTTP(t, map[string]string{"/route": `{"primary":"db1+db2","shards":{"s1":"db1","s2":"db2"}}`})
	one, two := db1.endpoint("db1"), db2.endpoint("db2")
	one.Shard, two.Shard = "s1", "s2"
	return db1, db2, store, web, Watch{Endpoints: []Endpoint{one, two, store.endpoint("etcd1", Etcd, 2379), web.endpoint("web1", Web, 8080)}}
}

// Each shard has a primary of its own. A write that the map gives to another shard is misplaced.
func TestReadBackOfShards(t *testing.T) {
	db1, db2, _, _, w := twoShards(t)
	db1.ids, db1.user = [][2]int64{{1, 1}, {2, 1}}, 8
	db2.ids, db2.user = [][2]int64{{3, 1}}, 7
	check := func(misplaced [][2]uint64) {
		t.Helper()
		got := w.ReadBack(t.Context(), time.Now(), 5*time.Second)
		for i := range got {
			got[i].At = 0
		}
		want := []ReadBack{
			{Node: "db1", Shard: "s1", Role: Primary, Present: [][2]uint64{{1, 2}}, CaughtUp: true},
			{Node: "db2", Shard: "s2", Role: Primary, Present: [][2]uint64{{3, 3}}, Misplaced: misplaced, CaughtUp: true},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	check(nil)
	db2.set(func() { db2.user = 8 })
	check([][2]uint64{{3, 3}})
	db2.set(func() { db2.user = 9 }) // isolated, and elsewhere
	check([][2]uint64{{3, 3}})
}

// Without the map nobody knows where a write belongs.
func TestReadBackWithoutTheMap(t *testing.T) {
	_, _, store, _, w := twoShards(t)
	none := map[string]string{mapPath: noKeyJSON}
	store.bodies.Store(&none)
	for _, rb := range w.ReadBack(t.Context(), time.Now(), time.Second) {
		if rb.Err == "" {
			t.Errorf("got %+v, want an error", rb)
		}
	}
}

func TestSteadyShards(t *testing.T) {
	db1, _, store, web, w := twoShards(t)
	if err := w.Steady(t.Context()); err != nil {
		t.Fatalf("steady: %v", err)
	}
	roles, err := w.Roles(t.Context())
	if err != nil || !reflect.DeepEqual(roles[RolePrimary], []string{"db1", "db2"}) {
		t.Errorf("got %v, %v; want a primary of each shard", roles, err)
	}
	wrong := map[string]string{"/route": `{"primary":"db1+db1","shards":{"s1":"db1","s2":"db1"}}`}
	web.bodies.Store(&wrong)
	bodies := map[string]string{"/v2/stats/self": leadsJSON, "/v2/keys/service/s1/leader": keyJSON("db1"), "/v2/keys/service/s2/leader": keyJSON("db9")}
	store.bodies.Store(&bodies)
	db1.set(func() { db1.role = Replica })
	err = w.Steady(t.Context())
	if !errors.Is(err, ErrNotSteady) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"shard s1: 0 database primaries", `shard s2: the leader key of scope s2 names "db9"`, `sends writes to "db1", the primary is db2`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}

// A run tells each shard's leader and each web node's route to it.
func TestRunShards(t *testing.T) {
	_, _, _, _, w := twoShards(t)
	r, _ := start(t, w)
	r.await(t, Leader, "s1", "db1")
	r.await(t, Leader, "s2", "db2")
	r.await(t, Route, "web1/s2", "db2")
	r.await(t, Role, "db2", Primary)
}
