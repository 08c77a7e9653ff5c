package chaos_test

import (
	"os"
	"testing"

	"gauntlet/chaos"
	"gauntlet/chaos/chaostest"
)

func TestMain(m *testing.M) { os.Exit(chaostest.Main(m)) }

// cluster is a small system: three databases, two web nodes, one of them down, one cache.
func cluster() []chaos.Container {
	return []chaos.Container{
		{Service: "web1", Tier: "web", Region: "a"},
		{Service: "db1", Tier: "db", Region: "a", Roles: []string{"postgres-primary"}},
		{Service: "db2", Tier: "db", Region: "b", Roles: []string{"postgres-replica"}},
		{Service: "db3", Tier: "db", Region: "b", Roles: []string{"postgres-replica", "postgres-sync-standby"}},
		{Service: "web2", Tier: "web", Region: "b", State: chaos.Exited},
		{Service: "cache", Tier: "cache", State: chaos.Paused},
	}
}

func names(all []chaos.Container) []string {
	var out []string
	for _, c := range all {
		out = append(out, c.Name)
	}
	return out
}
