package roles_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/state/statetest"
	"gauntlet/chaos/roles"
	"gauntlet/compose"
)

func TestRolesOfARealPostgres(t *testing.T) {
	statetest.NeedDocker(t)
	e, err := compose.Check(t.Context())
	if err != nil {
		t.Fatalf("%v\n(GAUNTLET_DOCKER=off leaves out the tests that need Docker)", err)
	}
	if err := e.Build(t.Context(), compose.Topology{Targets: []string{"postgres"}}, func(line string) { t.Log(line) }); err != nil {
		t.Fatal(err)
	}
	c := statetest.PostgresPair(t, "gauntlet/postgres:latest")
	one := at("db-1", "gauntlet/postgres:latest", fmt.Sprint("127.0.0.1:", c.Ports[5432]))
	two := at("db-2", "gauntlet/postgres:latest", fmt.Sprint("127.0.0.1:", c.Ports[5433]))
	one.Service, two.Service = "db", "db"
	two.Labels["gauntlet.user"], two.Labels["gauntlet.database"] = "app", "app"
	r, err := roles.New([]roles.Declared{
		{Name: "writer", Service: "db", SQL: "select not pg_is_in_recovery()"},
		{Name: "reader", Service: "db", SQL: "select setting from pg_settings where name = 'port'", Expect: "5433"},
		{Name: "nobody", Service: "db", SQL: "select null"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"db-1": {"postgres-primary", "writer"}, "db-2": {"postgres-replica", "reader"}}
	statetest.Eventually(t, time.Minute, "roles", func(ctx context.Context) error {
		got, err := r.Roles(ctx, []chaos.Container{one, two})
		if err != nil || r.Why("postgres-replica") != nil || r.Why("postgres-primary") != nil || !reflect.DeepEqual(got, want) {
			return fmt.Errorf("got %v, %v, want %v; %v", got, err, want, r.Why("postgres-replica"))
		}
		return nil
	})
	one.Labels["gauntlet.user"] = "stranger"
	statetest.Eventually(t, time.Minute, "refusal", func(ctx context.Context) error {
		got, err := r.Roles(ctx, []chaos.Container{one})
		if why := r.Why("postgres-primary"); err != nil || len(got) > 0 || why == nil {
			return fmt.Errorf("got %v, %v, %v, want none", got, err, why)
		}
		return nil
	})
	t.Log(r.Why("postgres-primary"))
}
