package probe

import (
	"reflect"
	"strings"
	"testing"
)

func TestMergeRoles(t *testing.T) {
	tests := []struct {
		name  string
		dbs   []sighting
		leads map[string]bool
		want  map[string][]string
	}{
		{"nobody", nil, nil, map[string][]string{}},
		{"healthy", []sighting{{node: "db2", Sync: []string{"db3"}}, {node: "db3", Recovery: true}, {node: "db1", Recovery: true}},
			map[string]bool{"etcd1": false, "etcd2": true},
			map[string][]string{RolePrimary: {"db2"}, RoleReplica: {"db1", "db3"}, RoleSyncStandby: {"db3"}, RoleEtcdLeader: {"etcd2"}}},
		{"split brain", []sighting{{node: "db2", Sync: []string{"db3"}}, {node: "db1", Sync: []string{"db3"}}, {node: "db3", Recovery: true}}, nil,
			map[string][]string{RolePrimary: {"db1", "db2"}, RoleReplica: {"db3"}, RoleSyncStandby: {"db3"}}},
		{"one replica is silent", []sighting{{node: "db1", Streaming: []string{"db2", "db3"}}, {node: "db3", Recovery: true}}, nil,
			map[string][]string{RolePrimary: {"db1"}, RoleReplica: {"db2", "db3"}}},
		{"no primary", []sighting{{node: "db1", Recovery: true}}, map[string]bool{"etcd1": false},
			map[string][]string{RoleReplica: {"db1"}}},
	}
	for _, tt := range tests {
		if got := mergeRoles(tt.dbs, tt.leads); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestSteadyDatabases(t *testing.T) {
	healthy := func() []sighting {
		return []sighting{
			{node: "db1", Timeline: 2, Streaming: []string{"db2", "db3"}, Sync: []string{"db2"}},
			{node: "db2", Recovery: true, Timeline: 2},
			{node: "db3", Recovery: true, Timeline: 2},
		}
	}
	tests := []struct {
		name  string
		spoil func([]sighting)
		want  string // part of the error, "" is steady
	}{
		{"healthy", func([]sighting) {}, ""},
		{"two primaries", func(s []sighting) { s[1].Recovery = false }, "2 database primaries"},
		{"no primary", func(s []sighting) { s[0].Recovery = true }, "0 database primaries"},
		{"not streaming", func(s []sighting) { s[2].Timeline = 0 }, "db3 streams timeline 0"},
		{"old timeline", func(s []sighting) { s[1].Timeline = 1 }, "db2 streams timeline 1"},
		{"unknown to the primary", func(s []sighting) { s[0].Streaming = []string{"db2"} }, "db3 does not stream"},
		{"no synchronous standby", func(s []sighting) { s[0].Sync = nil }, "no synchronous standby"},
	}
	for _, tt := range tests {
		s := healthy()
		tt.spoil(s)
		_, errs := steadyDatabases(s, 3, true)
		got := ""
		for _, e := range errs {
			got += e.Error()
		}
		if !strings.Contains(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	s := healthy()
	s[0].Sync = nil
	if p, errs := steadyDatabases(s, 3, false); len(errs) != 0 || p != "db1" {
		t.Errorf("an asynchronous topology needs no synchronous standby: %q, %v", p, errs)
	}
}

func TestRanges(t *testing.T) {
	tests := []struct {
		ids  []uint64
		want ranges
	}{
		{nil, nil},
		{[]uint64{7}, ranges{{7, 7}}},
		{[]uint64{1, 2, 3, 5, 6, 9}, ranges{{1, 3}, {5, 6}, {9, 9}}},
		{[]uint64{0, 1, 1 << 62}, ranges{{0, 1}, {1 << 62, 1 << 62}}},
	}
	for _, tt := range tests {
		var got ranges
		for _, id := range tt.ids {
			got.add(id)
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v: got %v, want %v", tt.ids, got, tt.want)
		}
	}
}

func TestMarkReached(t *testing.T) {
	m := mark{timeline: 2, lsn: 1000}
	tests := []struct {
		name string
		m    mark
		s    sighting
		want bool
	}{
		{"there", m, sighting{Recovery: true, Timeline: 2, LSN: 1000}, true},
		{"behind", m, sighting{Recovery: true, Timeline: 2, LSN: 999}, false},
		{"farther on the old timeline", m, sighting{Recovery: true, Timeline: 1, LSN: 5000}, false},
		{"not streaming", m, sighting{Recovery: true, LSN: 5000}, false},
		{"a second primary", m, sighting{Timeline: 2, LSN: 5000}, false},
		{"no primary was found", mark{}, sighting{Recovery: true, LSN: 5000}, false},
	}
	for _, tt := range tests {
		if got := tt.m.reached(tt.s); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
