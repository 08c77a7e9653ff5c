package route

import (
	"reflect"
	"testing"
	"time"
)

var t0 = time.Unix(1_000_000, 0)

func at(d time.Duration) time.Time { return t0.Add(d) }

func primary(name string, tli uint32, lsn LSN) View {
	return View{Name: name, Up: true, Primary: true, Timeline: tli, LSN: lsn, Asked: t0}
}

func replica(name string, lsn LSN) View { return View{Name: name, Up: true, LSN: lsn, Asked: t0} }

func down(name string) View { return View{Name: name} }

func doubt(v View, d Doubt) View {
	v.Doubt = d
	return v
}

func TestDecide(t *testing.T) {
	ran := Memory{Primary: "db1", Timeline: 3, Seen: t0, Marks: []Mark{{at(-3 * time.Second), 100}, {at(-time.Second), 200}, {t0, 300}}}
	for name, c := range map[string]struct {
		views    []View
		memory   Memory
		now      time.Time
		primary  string
		replicas []string
		stale    []string
	}{
		"steady":                         {[]View{primary("db1", 1, 300), replica("db2", 300), replica("db3", 290)}, Memory{}, t0, "db1", []string{"db2", "db3"}, nil},
		"nobody up":                      {[]View{down("db1"), down("db2"), down("db3")}, ran, t0, "", nil, nil},
		"primary lost, reads go on":      {[]View{down("db1"), replica("db2", 300), replica("db3", 250)}, ran, t0, "", []string{"db2", "db3"}, nil},
		"replica just promoted":          {[]View{down("db1"), primary("db2", 4, 310), replica("db3", 250)}, ran, t0, "db2", []string{"db3"}, nil},
		"old primary back, two claim":    {[]View{primary("db1", 3, 900), primary("db2", 4, 310), replica("db3", 310)}, ran, t0, "db2", []string{"db3"}, []string{"db1"}},
		"only the ghost is left":         {[]View{primary("db1", 2, 900), down("db2"), replica("db3", 310)}, ran, at(time.Second), "", []string{"db3"}, []string{"db1"}},
		"the fence ends":                 {[]View{primary("db1", 2, 900), down("db2"), replica("db3", 900)}, ran, at(11 * time.Second), "db1", []string{"db3"}, nil},
		"same timeline: present one":     {[]View{primary("db2", 3, 900), primary("db1", 3, 300)}, ran, t0, "db1", nil, []string{"db2"}},
		"same timeline, new: the longer": {[]View{primary("db2", 4, 300), primary("db3", 4, 301)}, ran, t0, "db3", nil, []string{"db2"}},
		"replica behind by 3 s":          {[]View{primary("db1", 3, 300), replica("db2", 199), replica("db3", 200)}, ran, t0, "db1", []string{"db3"}, []string{"db2"}},
		"behind what was ever seen":      {[]View{primary("db1", 3, 300), replica("db2", 1)}, ran, t0, "db1", nil, []string{"db2"}},
		"stale stays stale at the end":   {[]View{down("db1"), replica("db2", 100), replica("db3", 300)}, ran, at(time.Minute), "", []string{"db3"}, []string{"db2"}},
		"slow replica":                   {[]View{primary("db1", 3, 300), doubt(replica("db2", 300), Slow)}, ran, t0, "db1", nil, []string{"db2"}},
		"slow primary stays":             {[]View{doubt(primary("db1", 3, 300), Slow), replica("db2", 300)}, ran, t0, "db1", []string{"db2"}, nil},
		"broken primary goes at once":    {[]View{doubt(primary("db1", 3, 300), Broken), replica("db2", 300)}, ran, t0, "", []string{"db2"}, []string{"db1"}},
		"nothing known of the past":      {[]View{down("db1"), replica("db2", 1), replica("db3", 300)}, Memory{}, t0, "", []string{"db2", "db3"}, nil},
	} {
		got, _ := Decide(c.views, c.memory, c.now)
		want := Choice{c.primary, append([]string{}, c.replicas...), append([]string{}, c.stale...)}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestMemoryForgetsTheOldTimeline(t *testing.T) {
	_, m := Decide([]View{primary("db1", 1, 500)}, Memory{}, t0)
	_, m = Decide([]View{down("db1"), primary("db2", 2, 400)}, m, t0)
	if want := []Mark{{t0, 400}}; !reflect.DeepEqual(m.Marks, want) {
		t.Errorf("marks %v, want %v", m.Marks, want)
	}
	if m.Primary != "db2" || m.Timeline != 2 {
		t.Errorf("remembers %s on %d, want db2 on 2", m.Primary, m.Timeline)
	}
}

func TestMarksAreBounded(t *testing.T) {
	var m Memory
	for i := range 1000 {
		v := primary("db1", 1, LSN(i))
		v.Asked = at(time.Duration(i) * 100 * time.Millisecond)
		_, m = Decide([]View{v}, m, v.Asked)
	}
	if n := len(m.Marks); n < 21 || n > 40 {
		t.Errorf("%d marks are kept, want those of the last 3 s", n)
	}
	if got := m.Staleness(999); got != 0 {
		t.Errorf("a replica with all is %v behind, want 0", got)
	}
	if got := m.Staleness(994); got != 500*time.Millisecond {
		t.Errorf("five marks behind is %v, want 500ms", got)
	}
}

func TestLSN(t *testing.T) {
	for text, want := range map[string]LSN{"0/0": 0, "0/3000148": 0x3000148, "16/B374D848": 0x16B374D848, "FFFFFFFF/FFFFFFFF": MaxLSN} {
		got, err := ParseLSN(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("ParseLSN(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "/", "1", "x/1", "1/100000000", "-1/0", "0/0/0"} {
		if got, err := ParseLSN(text); err == nil {
			t.Errorf("ParseLSN(%q) = %v, want an error", text, got)
		}
	}
}
