package shard

import "testing"

func TestSeen(t *testing.T) {
	s, err := ParseSeen("map=3,s1=0/10,s2=1/0")
	if err != nil || s.Version != 3 || s.At["s1"] != 16 || s.At["s2"] != 1<<32 {
		t.Fatalf("got %+v, %v", s, err)
	}
	if s.String() != "map=3,s1=0/10,s2=1/0" {
		t.Errorf("got %s", s)
	}
	for _, bad := range []string{"0/10", "s1=x", "map=x", "=0/1", "s1"} {
		if _, err := ParseSeen(bad); err == nil {
			t.Errorf("%q is taken for a position", bad)
		}
	}
}

// A visit adds to what the session has seen and takes nothing away.
func TestVisit(t *testing.T) {
	before, _ := ParseSeen("map=3,s1=0/10")
	ctx, v := With(t.Context(), before)
	if VisitOf(ctx) != v {
		t.Error("the visit is not found in its context")
	}
	v.Saw(2, "s1", 5)
	v.Saw(4, "s2", 7)
	v.Saw(4, "s3", 0)
	v.Missing("s4")
	v.Missing("s3")
	if got := v.Seen().String(); got != "map=4,s1=0/10,s2=0/7" {
		t.Errorf("seen %s", got)
	}
	if got := v.Partial(); len(got) != 2 || got[0] != "s3" {
		t.Errorf("partial %v", got)
	}
	if before.At["s2"] != 0 {
		t.Error("the visit changed what it was given")
	}
	if VisitOf(t.Context()).Seen().Version != 0 {
		t.Error("a context without a visit has seen something")
	}
}

// Whatever a client sends as its positions is refused or understood, and what is understood can be written again.
func FuzzParseSeen(f *testing.F) {
	for _, s := range []string{"", "map=3,s1=0/10", "s1=0/1,s1=0/2", "map=-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSeen(text)
		if err != nil {
			return
		}
		again, err := ParseSeen(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("%q was read as %q, and that as %q, %v", text, s, again, err)
		}
	})
}
