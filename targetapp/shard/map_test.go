package shard

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

var four, six = []string{"s1", "s2", "s3", "s4"}, []string{"s1", "s2", "s3", "s4", "s5", "s6"}

func made(t *testing.T, s Strategy, shards []string) Map {
	t.Helper()
	m, err := New(s, shards)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Keys that follow each other fall into different buckets, and a post into its author's: they share the low 8 bits.
func TestBucket(t *testing.T) {
	seen := map[int]bool{}
	for key := range int64(Buckets) {
		b := Bucket(key)
		if seen[b] || b < 0 || b >= Buckets {
			t.Errorf("key %d falls into bucket %d, which is taken or does not exist", key, b)
		}
		seen[b] = true
		if Low(b) != key {
			t.Errorf("Low(%d) = %d, want %d", b, Low(b), key)
		}
		if post := key | 987654<<8; Bucket(post) != b {
			t.Errorf("post %d of user %d falls into bucket %d, want %d", post, key, Bucket(post), b)
		}
	}
	if Bucket(-1) != Bucket(255) {
		t.Errorf("a negative key has no bucket of its own: %d, want %d", Bucket(-1), Bucket(255))
	}
}

// What each strategy moves from four shards to six, and onto whom.
func TestMoves(t *testing.T) {
	for _, c := range []struct {
		s         Strategy
		low, high int // slots moved
		onlyToNew bool
	}{
		{Modulo, Buckets * 60 / 100, Buckets * 70 / 100, false},
		{Consistent, Buckets * 25 / 100, Buckets * 42 / 100, true},
		{Directory, Buckets - 4*43, Buckets - 4*42, true},
	} {
		m := made(t, c.s, four)
		moves, err := m.Moves(c.s, six)
		if err != nil || len(moves) < c.low || len(moves) > c.high {
			t.Errorf("%s: %d moves, %v; want %d to %d", c.s, len(moves), err, c.low, c.high)
		}
		for _, mv := range moves {
			if m.Owners[mv.Slot] != mv.From || mv.From == mv.To {
				t.Errorf("%s: %+v, but %s owns the slot", c.s, mv, m.Owners[mv.Slot])
			}
			if c.onlyToNew && !slices.Contains([]string{"s5", "s6"}, mv.To) {
				t.Errorf("%s: %+v moves to a shard that was there before", c.s, mv)
			}
			m = m.With(mv.Slot, mv.To, 0)
		}
		if left, err := m.Moves(c.s, six); len(left) > 0 || err != nil {
			t.Errorf("%s: after all moves %d are left, %v", c.s, len(left), err)
		}
		for _, s := range six {
			if n := len(m.Owned(s)); n < Buckets/6/2 || n > Buckets/6*2 {
				t.Errorf("%s: %s has %d of %d slots", c.s, s, n, Buckets)
			}
		}
	}
}

// A move that was interrupted goes on with what is left, and nothing moves twice.
func TestMovesGoOn(t *testing.T) {
	m := made(t, Directory, four)
	first, _ := m.Moves(Directory, six)
	for _, mv := range first[:len(first)/2] {
		m = m.With(mv.Slot, mv.To, 0)
	}
	rest, _ := m.Moves(Directory, six)
	if len(rest) != len(first)-len(first)/2 {
		t.Errorf("%d moves are left of %d after %d", len(rest), len(first), len(first)/2)
	}
}

// The directory moves only what it is told.
func TestDirectoryStays(t *testing.T) {
	m := made(t, Directory, four).With(7, "s6", 0)
	if moves, _ := m.Moves(Directory, []string{"s1", "s2", "s3", "s4", "s6"}); slices.ContainsFunc(moves, func(mv Move) bool { return mv.From == "s6" || mv.To != "s6" }) {
		t.Errorf("more moves than onto the new shard: %v", moves)
	}
}

func TestIsolation(t *testing.T) {
	const hot = 17
	m := made(t, Directory, four)
	owner := m.Owner(hot)
	next, slot := m.Isolated(hot)
	if next.Owner(hot) != owner || next.Slot(hot) != slot || slot != Buckets || next.Version != 2 || m.Slot(hot) != Bucket(hot) {
		t.Errorf("isolated: slot %d on %s, version %d; want %d, still on %s, 2", slot, next.Owner(hot), next.Version, Buckets, owner)
	}
	next = next.With(slot, "s6", 0)
	if next.Owner(hot) != "s6" || next.Owner(hot+256) != owner {
		t.Errorf("the key is on %s and its neighbour in the bucket on %s; want s6 and %s", next.Owner(hot), next.Owner(hot+256), owner)
	}
	if got := next.SlotsOf(hot | 5<<8); !slices.Equal(got, []int{Bucket(hot), slot}) {
		t.Errorf("a post of the bucket may be in slots %v, want the bucket's and the key's", got)
	}
	if key, ok := next.KeyOf(slot); !ok || key != hot {
		t.Errorf("slot %d is of key %d, %v", slot, key, ok)
	}
	if again, s := next.Isolated(hot); again.Version != next.Version || s != slot {
		t.Error("isolating a key again changed the map")
	}
	if moves, _ := next.Moves(Directory, six); slices.ContainsFunc(moves, func(mv Move) bool { return mv.Slot == slot }) {
		t.Error("resharding moves an isolated key away")
	}
}

func TestMapTravels(t *testing.T) {
	m, _ := made(t, Consistent, four).Isolated(3)
	m = m.With(9, "s5", 77)
	got, err := Parse(m.String())
	if err != nil || got.String() != m.String() || got.Arrived["s5"] != 77 || !slices.Contains(got.Owning(), "s5") {
		t.Errorf("got %v, %v, want %v", got, err, m)
	}
	for _, bad := range []string{``, `{}`, strings.Replace(m.String(), `"s4"`, `""`, -1), strings.Replace(m.String(), `consistent`, `luck`, 1), strings.Replace(m.String(), `:256`, `:999`, 1)} {
		if _, err := Parse(bad); !errors.Is(err, ErrMap) {
			t.Errorf("%.40s: %v, want ErrMap", bad, err)
		}
	}
}

func TestBadPlans(t *testing.T) {
	for _, c := range []struct {
		s      Strategy
		shards []string
	}{{"luck", four}, {Directory, nil}} {
		if _, err := New(c.s, c.shards); !errors.Is(err, ErrMap) {
			t.Errorf("%s over %v: %v, want ErrMap", c.s, c.shards, err)
		}
	}
}

func TestParseGroups(t *testing.T) {
	got, err := ParseGroups("s1=db1@h:1|db2@h:2; s2=db3@h:3")
	if err != nil || len(got) != 2 || got[1].Name != "s2" || got[1].Origin != 1 || got[0].Members[1].Addr != "h:2" || got[0].Members[1].Name != "db2" {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "s1", "s1=db1", "s1=db1@h:1;s1=db2@h:2", "map=db1@h:1"} {
		if _, err := ParseGroups(bad); err == nil || !strings.Contains(err.Error(), "APP_SHARDS") {
			t.Errorf("%q: %v, want an error that names APP_SHARDS", bad, err)
		}
	}
}
