package probe

import (
	"context"
	"errors"
	"testing"
	"time"
)

// jobsTable is what the database holds, by id: when each post was written, and the effects in their order.
type jobsTable struct {
	posts   []time.Duration // post id is the place, from 1
	effects []int64         // ids of posts, effect id is the place, from 1
	now     time.Duration
	scanned int // rows that the statement had to look at
	err     error
}

// row answers undoneSQL.
func (j *jobsTable) row(_ context.Context, _ string, args, into []any) error {
	if j.err != nil {
		return j.err
	}
	done := map[int64]bool{}
	for i, post := range j.effects {
		if int64(i+1) > args[1].(int64) {
			done[post] = true
			j.scanned++
		}
	}
	age, oldest := 0.0, int64(0)
	for i := len(j.posts); i > 0; i-- {
		if int64(i) > args[0].(int64) {
			j.scanned++
			if !done[int64(i)] {
				age, oldest = (j.now - j.posts[i-1]).Seconds(), int64(i)
			}
		}
	}
	*into[0].(*float64), *into[1].(*int64) = age, oldest
	*into[2].(*int64), *into[3].(*int64) = int64(len(j.posts)), int64(len(j.effects))
	return nil
}

// Whatever of the tables is not read again, the age is that of the oldest job that is not done.
func TestOldestJobThatIsNotDone(t *testing.T) {
	j, u := &jobsTable{}, undone{}
	stuck := int64(0)
	for second := 1; second <= 120; second++ {
		j.now = time.Duration(second) * time.Second
		for range 100 {
			j.posts = append(j.posts, j.now-500*time.Millisecond)
			id := int64(len(j.posts))
			if second == 30 && stuck == 0 {
				stuck = id // its job is done only much later
				continue
			}
			j.effects = append(j.effects, id)
		}
		if second == 70 {
			j.effects = append(j.effects, stuck)
		}
		if err := u.ask(t.Context(), j.now, j.row); err != nil {
			t.Fatal(err)
		}
		want := 0.0
		if second >= 30 && second < 70 {
			want = float64(second-30) + 0.5
		}
		if u.age != want {
			t.Fatalf("after %d s the oldest is %g s old, want %g", second, u.age, want)
		}
	}
	j.scanned = 0
	j.now += time.Second
	if err := u.ask(t.Context(), j.now, j.row); err != nil || j.scanned > 4*lateIDs {
		t.Errorf("%v, %d of %d rows were read, want a few thousand", err, j.scanned, len(j.posts)+len(j.effects))
	}
}

func TestAgeOfJobsIsToldOnceASecond(t *testing.T) {
	out, got := recorded()
	j, u := &jobsTable{posts: []time.Duration{0}, now: 2 * time.Second}, undone{}
	for at := 100 * time.Millisecond; at < 3*time.Second; at += 250 * time.Millisecond {
		err := u.ask(t.Context(), at, j.row)
		u.tell(out, span{at, at}, err)
	}
	if len(*got) != 3 || (*got)[0].Value != 2 || (*got)[0].Metric != JobAge {
		t.Errorf("points = %+v, want three of 2 s", *got)
	}
	u.tell(out, span{}, errors.New("no answer"))
	if last := (*got)[len(*got)-1]; last.Err == "" {
		t.Errorf("the last point is %+v, want a gap", last)
	}
}

func TestRateOfLoadsIsToldOnceASecond(t *testing.T) {
	out, got := recorded()
	l := loadRate{target: "web1", out: out}
	for _, c := range []struct {
		at     time.Duration
		loads  int64
		points int
		last   float64
	}{{time.Second, 100, 0, 0}, {1500 * time.Millisecond, 130, 0, 0}, {3 * time.Second, 200, 1, 50}, {4 * time.Second, 5, 1, 50}, {5 * time.Second, 5, 2, 0}} {
		l.saw(c.loads, at(c.at))
		if len(*got) != c.points || c.points > 0 && (*got)[c.points-1].Value != c.last {
			t.Fatalf("after %s: points %+v, want %d, the last of %g", c.at, *got, c.points, c.last)
		}
	}
}
