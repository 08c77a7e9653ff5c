package chaos_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gauntlet/chaos"
	"gauntlet/chaos/chaostest"
)

func listed(t *testing.T) []chaos.Container {
	t.Helper()
	all, err := chaostest.NewFake(cluster()...).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func rng(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func TestResolve(t *testing.T) {
	tests := []struct {
		name string
		on   chaos.Selector
		want []string // all that may be drawn
		n    int      // how many are drawn
	}{
		{"service", chaos.Selector{Service: "db2"}, []string{"db2"}, 1},
		{"container", chaos.Selector{Container: "web1"}, []string{"web1"}, 1},
		{"role", chaos.Selector{Role: "postgres-replica"}, []string{"db2", "db3"}, 2},
		{"role and region", chaos.Selector{Role: "postgres-primary", Region: "a"}, []string{"db1"}, 1},
		{"all of a tier, without the one that is down", chaos.Selector{Tier: "web"}, []string{"web1"}, 1},
		{"one", chaos.Selector{Tier: "db", Pick: "one"}, []string{"db1", "db2", "db3"}, 1},
		{"number", chaos.Selector{Tier: "db", Pick: "2"}, []string{"db1", "db2", "db3"}, 2},
		{"minority", chaos.Selector{Tier: "db", Pick: "minority"}, []string{"db1", "db2", "db3"}, 1},
		{"majority", chaos.Selector{Tier: "db", Pick: "majority"}, []string{"db1", "db2", "db3"}, 2},
		{"share rounds up", chaos.Selector{Tier: "db", Pick: "34%"}, []string{"db1", "db2", "db3"}, 2},
		{"share of 3", chaos.Selector{Tier: "db", Pick: "33%"}, []string{"db1", "db2", "db3"}, 1},
		{"share counts those that are down", chaos.Selector{Tier: "web", Pick: "50%"}, []string{"web1"}, 1},
		{"exclude", chaos.Selector{Tier: "db", Exclude: []string{"db1"}}, []string{"db2", "db3"}, 2},
		{"minority counts the excluded", chaos.Selector{Tier: "db", Pick: "majority", Exclude: []string{"db1"}}, []string{"db2", "db3"}, 2},
		{"everything that runs", chaos.Selector{Pick: "all"}, []string{"db1", "db2", "db3", "web1"}, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.on.Check(); err != nil {
				t.Errorf("Check = %v", err)
			}
			got, err := tt.on.Resolve(listed(t), rng(1))
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != tt.n || slices.ContainsFunc(names(got), func(n string) bool { return !slices.Contains(tt.want, n) }) || !slices.IsSorted(names(got)) {
				t.Errorf("Resolve = %v, want %d of %v, sorted", names(got), tt.n, tt.want)
			}
		})
	}
}

func TestResolveDependsOnSeedNotOnOrder(t *testing.T) {
	all, on, seen := listed(t), chaos.Selector{Tier: "db", Pick: "one"}, map[string]bool{}
	for seed := range uint64(60) {
		want, err := on.Resolve(all, rng(seed))
		if err != nil {
			t.Fatal(err)
		}
		seen[want[0].Name] = true
		for range 5 {
			rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			if got, err := on.Resolve(all, rng(seed)); err != nil || !slices.Equal(names(got), names(want)) {
				t.Errorf("seed %d, shuffled: %v, %v; want %v", seed, names(got), err, names(want))
			}
		}
	}
	if len(seen) != 3 {
		t.Errorf("60 seeds drew %v, want each of the three", seen)
	}
}

func TestResolveErrors(t *testing.T) {
	tests := []struct {
		name string
		on   chaos.Selector
		want error
		says []string
	}{
		{"unknown role", chaos.Selector{Role: "redis-master"}, chaos.ErrNoTarget, []string{"role=redis-master", "postgres-primary, postgres-replica", "db1, db2", "cache, db, web", "a, b"}},
		{"unknown service", chaos.Selector{Service: "db9"}, chaos.ErrNoTarget, []string{"service=db9", "db1, db2, db3"}},
		{"only one and it is down", chaos.Selector{Service: "web2"}, chaos.ErrNoTarget, []string{"web2 no (exited)"}},
		{"only one and it is paused", chaos.Selector{Tier: "cache"}, chaos.ErrNoTarget, []string{"cache no (paused)"}},
		{"more than run", chaos.Selector{Tier: "web", Pick: "2"}, chaos.ErrNoTarget, []string{"2 wanted", "web1 yes", "web2 no (exited)"}},
		{"minority of two", chaos.Selector{Tier: "web", Pick: "minority"}, chaos.ErrNoTarget, []string{"pick=minority"}},
		{"majority with too few", chaos.Selector{Tier: "web", Pick: "majority"}, chaos.ErrNoTarget, []string{"2 wanted"}},
		{"all excluded", chaos.Selector{Service: "db1", Exclude: []string{"db1"}}, chaos.ErrNoTarget, []string{"db1 no (excluded"}},
		{"misspelt exclude", chaos.Selector{Tier: "db", Exclude: []string{"bd1"}}, chaos.ErrBadSelector, []string{`"bd1"`, "db1, db2, db3"}},
		{"bad pick", chaos.Selector{Tier: "db", Pick: "some"}, chaos.ErrBadSelector, []string{`"some"`, "minority"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.on.Resolve(listed(t), rng(1))
			if !errors.Is(err, tt.want) || got != nil {
				t.Fatalf("Resolve = %v, %v; want %v", names(got), err, tt.want)
			}
			for _, words := range tt.says {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("message %q does not say %q", err, words)
				}
			}
		})
	}
}

func TestResolveOfNothing(t *testing.T) {
	_, err := chaos.Selector{Pick: "all"}.Resolve(nil, rng(1))
	if !errors.Is(err, chaos.ErrNoTarget) || !strings.Contains(err.Error(), "services: none") {
		t.Errorf("Resolve of nothing = %v, want %v and \"services: none\"", err, chaos.ErrNoTarget)
	}
}

func TestSelectorCheck(t *testing.T) {
	for _, pick := range []string{"0", "-1", "0%", "101%", "%", "1.5", "half", "ALL", " one", "99999999999999999999"} {
		if err := (chaos.Selector{Service: "a", Pick: pick}).Check(); !errors.Is(err, chaos.ErrBadSelector) {
			t.Errorf("Check of pick %q = %v, want %v", pick, err, chaos.ErrBadSelector)
		}
	}
	for _, on := range []chaos.Selector{{}, {Exclude: []string{"db1"}}} {
		if err := on.Check(); !errors.Is(err, chaos.ErrBadSelector) {
			t.Errorf("Check of %+v = %v, want %v", on, err, chaos.ErrBadSelector)
		}
	}
}

func FuzzPick(f *testing.F) {
	for _, seed := range []string{"all", "one", "3", "50%", "minority", "", "%%", "+3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, pick string) {
		on := chaos.Selector{Tier: "db", Pick: pick}
		all := []chaos.Container{{Name: "a", Tier: "db", State: chaos.Running}, {Name: "b", Tier: "db", State: chaos.Running}, {Name: "c", Tier: "db", State: chaos.Running}}
		got, err := on.Resolve(all, rng(1))
		if err == nil && (len(got) == 0 || len(got) > 3) {
			t.Errorf("pick %q drew %d of 3", pick, len(got))
		}
		if (on.Check() != nil) != errors.Is(err, chaos.ErrBadSelector) {
			t.Errorf("pick %q: Check = %v but Resolve = %v", pick, on.Check(), err)
		}
	})
}
