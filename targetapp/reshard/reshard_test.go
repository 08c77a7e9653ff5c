package reshard

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gauntlet/targetapp/shard"
)

func TestParse(t *testing.T) {
	groups, err := shard.ParseGroups("s1=a@h:1;s2=b@h:1;s3=c@h:1")
	if err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"":                        "[]  ",
		"--to 2":                  "[s1 s2]  ",
		"-to s3,s1":               "[s3 s1]  ",
		"--to 3 -strategy modulo": "[s1 s2 s3] modulo ",
		"-isolate 17 -onto s3":    "[]  s3",
	} {
		o, err := parse(strings.Fields(args), groups)
		got := "[" + strings.Join(o.to, " ") + "] " + string(o.strategy) + " " + o.onto
		if err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", args, got, err, want)
		}
	}
	for _, bad := range []string{"--to 4", "--to s9", "--to 0", "-isolate 5", "-onto s1", "-isolate x -onto s1", "more", "-x"} {
		if _, err := parse(strings.Fields(bad), groups); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v, want ErrUsage", bad, err)
		}
	}
}

func TestDifference(t *testing.T) {
	missing, extra := difference(map[int64]string{1: "a", 2: "b", 3: "c"}, map[int64]string{1: "a", 2: "x", 9: "z"})
	if !slices.Equal(missing, []int64{2, 3}) || !slices.Equal(extra, []int64{9}) {
		t.Errorf("missing %v, extra %v; want 2, 3 and 9", missing, extra)
	}
}

// A slot's rows are those of its bucket, without keys that have slots of their own.
func TestWhere(t *testing.T) {
	m, err := shard.New(shard.Directory, []string{"s1", "s2"})
	if err != nil {
		t.Fatal(err)
	}
	m, slot := m.Isolated(7)
	posts := tables[1]
	if got := posts.where(m, shard.Bucket(7)); got != "(user_id & 255) = 7 and user_id <> 7" {
		t.Error(got)
	}
	if got := posts.where(m, slot); got != "user_id = 7" {
		t.Error(got)
	}
}

func TestFinding(t *testing.T) {
	m, err := shard.New(shard.Modulo, []string{"s1", "s2"})
	if err != nil {
		t.Fatal(err)
	}
	f, seen := finding{rows: map[string]int{}}, map[row]bool{}
	f.add("s1", map[int][]row{0: {{"posts", 1}, {"posts", 2}}}, m, seen)
	f.add("s2", map[int][]row{1: {{"posts", 3}}}, m, seen)
	if f.wrong() || f.rows["s1"] != 2 {
		t.Errorf("all in place: %+v", f)
	}
	f.add("s2", map[int][]row{0: {{"posts", 2}}}, m, seen)
	if f.misplaced != 1 || f.duplicated != 1 || !f.wrong() {
		t.Errorf("a row left behind: %+v, want 1 misplaced and 1 duplicated", f)
	}
	own := map[string][]int{"s1": m.Owned("s1"), "s2": m.Owned("s2")}
	if got := unowned(m, own); len(got) > 0 {
		t.Errorf("unowned %v, want none", got)
	}
	own["s1"], own["s2"] = own["s1"][1:], append(own["s2"], 2)
	if got := unowned(m, own); !slices.Equal(got, []int{0, 2}) {
		t.Errorf("unowned %v, want 0, which nobody has, and 2, which two have", got)
	}
}
