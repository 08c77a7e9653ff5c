package spec

import (
	"strings"
	"testing"
)

func TestDeclaredRoles(t *testing.T) {
	declare := func(roles, on string) string {
		return strings.Replace(good, "role: postgres-primary", on, 1) + "roles: [" + roles + "]\n"
	}
	const leader = `{name: api-leader, service: web1, http: "http://:8080/leader"}`
	e, err := Parse("x.yaml", []byte(declare(leader, "role: api-leader")))
	if err != nil || len(e.Roles) != 1 || e.Steps[0].On.Role != "api-leader" {
		t.Fatalf("got %+v, %v", e.Roles, err)
	}
	for _, c := range []struct{ roles, on, want string }{
		{leader, "role: api-leadr", `did you mean "api-leader"?`},
		{leader + ", " + leader, "role: api-leader", "is there twice"},
		{`{name: a, service: web1}`, "role: a", "exactly one of http, sql and exec"},
		{`{name: postgres-primary, service: db1, sql: select 1}`, "role: postgres-primary", "is found out already"},
		{`{service: db1, sql: select 1}`, "role: postgres-primary", "name is missing"},
	} {
		if _, err := Parse("x.yaml", []byte(declare(c.roles, c.on))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.roles, err, c.want)
		}
	}
}
