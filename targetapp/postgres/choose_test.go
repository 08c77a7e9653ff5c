package postgres

import (
	"reflect"
	"testing"
	"time"
)

func leader(name string, timeline int64) View {
	return View{Name: name, Up: true, Timeline: timeline, LSN: 100, BehindSet: true}
}

func replica(name string, lsn LSN, behind time.Duration) View {
	return View{Name: name, Up: true, Recovery: true, LSN: lsn, Behind: behind, BehindSet: true}
}

func unknownAge(name string) View { return View{Name: name, Up: true, Recovery: true} }

func down(v View) View { v.Up = false; return v }

func route(timeline int64, primary string, replicas, stale, down []string) Route {
	fill := func(s []string) []string { return append([]string{}, s...) }
	return Route{Primary: primary, Timeline: timeline, Replicas: fill(replicas), Stale: fill(stale), Down: fill(down)}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name   string
		views  []View
		newest int64
		want   Route
	}{
		{"nobody", nil, 0, route(0, "", nil, nil, nil)},
		{"healthy", []View{leader("a", 1), replica("b", 100, 0), replica("c", 90, time.Second)}, 1, route(1, "a", []string{"b", "c"}, nil, nil)},
		{"primary down", []View{down(leader("a", 1)), replica("b", 100, 0)}, 1, route(1, "", []string{"b"}, nil, []string{"a"})},
		{"newest timeline wins", []View{leader("a", 1), leader("b", 2)}, 1, route(2, "b", nil, nil, []string{"a"})},
		{"deposed, successor out of sight", []View{leader("a", 1), down(leader("b", 2))}, 2, route(2, "", nil, nil, []string{"a", "b"})},
		{"a dead claim counts for nothing", []View{leader("a", 1), down(leader("b", 2))}, 1, route(1, "a", nil, nil, []string{"b"})},
		{"two on one timeline", []View{leader("a", 2), leader("b", 2), replica("c", 1, 0)}, 2, route(2, "", []string{"c"}, nil, []string{"a", "b"})},
		{"stale", []View{leader("a", 1), replica("b", 9, maxStale), replica("c", 9, maxStale+1)}, 1, route(1, "a", []string{"b"}, []string{"c"}, nil)},
		{"age unknown", []View{leader("a", 1), unknownAge("b")}, 1, route(1, "a", nil, []string{"b"}, nil)},
	} {
		if got := choose(c.views, c.newest); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: choose = %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestReader(t *testing.T) {
	healthy := []View{leader("a", 1), replica("b", 100, 0), replica("c", 90, 0)}
	dead := []View{down(leader("a", 1)), replica("b", 100, 0), replica("c", 90, 0)}
	alone := []View{leader("a", 1)}
	for _, c := range []struct {
		name  string
		views []View
		seen  LSN
		turn  uint64
		not   string
		want  string
	}{
		{"first turn", healthy, 0, 0, "", "b"},
		{"second turn", healthy, 0, 1, "", "c"},
		{"third turn", healthy, 0, 2, "", "b"},
		{"session has seen more than c", healthy, 95, 1, "", "b"},
		{"session has seen more than all replicas", healthy, 101, 1, "", "a"},
		{"again, elsewhere", healthy, 0, 0, "b", "c"},
		{"again, elsewhere is the primary", healthy, 95, 0, "b", "a"},
		{"no primary", dead, 0, 0, "", "b"},
		{"no primary, session has seen more", dead, 101, 0, "", ""},
		{"no primary, again where it failed", dead, 95, 0, "b", "b"},
		{"only the primary", alone, 0, 5, "", "a"},
		{"only the primary, again", alone, 0, 5, "a", "a"},
		{"nobody", nil, 0, 0, "", ""},
	} {
		if got := choose(c.views, 1).reader(c.views, c.seen, c.turn, c.not); got != c.want {
			t.Errorf("%s: reader = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestHistory(t *testing.T) {
	var h history
	for i, lsn := range []LSN{10, 10, 20, 30} {
		h.add("a", 1, sample{at(100 * i), lsn})
	}
	for _, c := range []struct {
		name string
		lsn  LSN
		want time.Duration
		ok   bool
	}{
		{"all", 30, 0, true},
		{"more than was seen", 35, 0, true},
		{"lacks the last change", 20, 200 * time.Millisecond, true},
		{"idle time counts from its end", 10, 300 * time.Millisecond, true},
		{"before the history", 5, 0, false},
	} {
		if got, ok := h.behind(c.lsn, at(400)); got != c.want || ok != c.ok {
			t.Errorf("%s: behind = %v, %v, want %v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
	h.add("b", 2, sample{at(500), 7})
	if _, ok := h.behind(6, at(500)); ok {
		t.Error("positions of the old timeline were compared with the new one's")
	}
	for i := range 3 * keepSamples {
		h.add("b", 2, sample{at(600 + i), 8})
	}
	if len(h.samples) != keepSamples {
		t.Errorf("history holds %d samples, want %d", len(h.samples), keepSamples)
	}
}

func TestLSN(t *testing.T) {
	for _, s := range []string{"0/0", "0/4048800", "16/B374D848", "FFFFFFFF/FFFFFFFF"} {
		if got, err := ParseLSN(s); err != nil || got.String() != s {
			t.Errorf("ParseLSN(%q) = %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"x", "1", "1/", "/1", "1/100000000", "1/2/3", "-1/2"} {
		if got, err := ParseLSN(s); err == nil {
			t.Errorf("ParseLSN(%q) = %s, want an error", s, got)
		}
	}
}

func TestParseMembers(t *testing.T) {
	got, err := ParseMembers("db1=10.0.0.1:5432, db2=h:1")
	if want := []Member{{Name: "db1", Addr: "10.0.0.1:5432"}, {Name: "db2", Addr: "h:1"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, s := range []string{"", "db1", "=h:1", "db1=h", "a=h:1,a=h:2", "a=h:1,"} {
		if got, err := ParseMembers(s); err == nil {
			t.Errorf("ParseMembers(%q) = %v, want an error", s, got)
		}
	}
}
