package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"testing"
	"time"

	"gauntlet/targetapp/feed"
	"gauntlet/targetapp/jobs"
	"gauntlet/targetapp/photo"
	"gauntlet/targetapp/postgres"
)

func TestNext(t *testing.T) {
	odd, outage, noStore := errors.New("odd"), fmt.Errorf("write: %w", postgres.ErrNoEffect), fmt.Errorf("%w: down", feed.ErrStore)
	for _, c := range []struct {
		attempt int
		err     error
		want    time.Duration
	}{
		{0, odd, 0}, {1, odd, 500 * time.Millisecond}, {2, odd, 2 * time.Second}, {3, odd, 8 * time.Second}, {4, odd, 0},
		{4, outage, 8 * time.Second}, {39, outage, 8 * time.Second}, {40, outage, 0}, {39, noStore, 8 * time.Second}, {1, jobs.ErrHopeless, 0},
	} {
		if got, ok := jobs.Next(c.attempt, c.err); got != c.want || ok != (c.want != 0) {
			t.Errorf("Next(%d, %v) = %s, %v; want %s", c.attempt, c.err, got, ok, c.want)
		}
	}
}

// recorder knows which jobs were done.
type recorder struct {
	done map[int64]bool
	err  error
}

func (r *recorder) Record(_ context.Context, j postgres.Job) (bool, error) {
	first := !r.done[j.ID]
	r.done[j.ID] = true
	return first, r.err
}

func TestDo(t *testing.T) {
	rec := &recorder{done: map[int64]bool{}}
	d := jobs.Doer{Record: rec, Album: photo.Album{Dir: t.TempDir()}}
	if first, err := d.Do(t.Context(), postgres.Job{ID: 1, Kind: "post", Ref: "7"}); !first || err != nil {
		t.Errorf("first time: %v, %v", first, err)
	}
	if first, err := d.Do(t.Context(), postgres.Job{ID: 1, Kind: "post", Ref: "7"}); first || err != nil {
		t.Errorf("again: %v, %v; want that it was done before", first, err)
	}
	for _, j := range []postgres.Job{{ID: 2, Kind: "dance"}, {ID: 3, Kind: "photo", Ref: "0123456789abcdef0123456789abcdef.png"}} {
		if _, err := d.Do(t.Context(), j); !errors.Is(err, jobs.ErrHopeless) || rec.done[j.ID] {
			t.Errorf("%+v: %v, recorded %v; want ErrHopeless and no record", j, err, rec.done[j.ID])
		}
	}
	rec.err = context.DeadlineExceeded
	if _, err := d.Do(t.Context(), postgres.Job{ID: 4, Kind: "signup"}); err == nil || errors.Is(err, jobs.ErrHopeless) {
		t.Errorf("the database is late: %v; want an error that a repetition may help", err)
	}
}

// lists fail as they are told.
type lists struct {
	did []string
	err error
}

func (l *lists) Do(_ context.Context, kind, ref string) error {
	l.did = append(l.did, kind+" "+ref)
	return l.err
}

// Jobs of the feed and the leaderboard leave no record: they say what is, and may be repeated.
func TestDoLists(t *testing.T) {
	rec, l := &recorder{done: map[int64]bool{}}, &lists{}
	d := jobs.Doer{Record: rec, Lists: l}
	for _, j := range []postgres.Job{{ID: 1, Kind: "feed", Ref: "7"}, {ID: 2, Kind: "leaderboard", Ref: "4"}} {
		if _, err := d.Do(t.Context(), j); err != nil {
			t.Errorf("%+v: %v", j, err)
		}
	}
	if got := fmt.Sprint(l.did); got != "[feed 7 leaderboard 4]" || len(rec.done) > 0 {
		t.Errorf("did %s, recorded %v", got, rec.done)
	}
	for err, hopeless := range map[error]bool{feed.ErrKind: true, postgres.ErrNotFound: true, feed.ErrStore: false} {
		l.err = err
		if _, got := d.Do(t.Context(), postgres.Job{ID: 3, Kind: "feed", Ref: "7"}); got == nil || errors.Is(got, jobs.ErrHopeless) != hopeless {
			t.Errorf("after %v: %v, want hopeless %v", err, got, hopeless)
		}
	}
	if _, err := (&jobs.Doer{Record: rec}).Do(t.Context(), postgres.Job{ID: 4, Kind: "feed"}); !errors.Is(err, jobs.ErrHopeless) {
		t.Errorf("without lists: %v, want ErrHopeless", err)
	}
}

// A photo is made small in its proportions, and its colour stays.
func TestPhotoIsMadeSmall(t *testing.T) {
	album := photo.Album{Dir: t.TempDir()}
	img := image.NewNRGBA(image.Rect(0, 0, 1000, 500))
	for i := range 1000 * 500 {
		img.SetNRGBA(i%1000, i/1000, color.NRGBA{200, 100, 50, 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	name, err := album.Add(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	d := jobs.Doer{Record: &recorder{done: map[int64]bool{}}, Album: album}
	for range 2 { // a repetition does no harm
		if _, err := d.Do(t.Context(), postgres.Job{ID: 1, Kind: "photo", Ref: name}); err != nil {
			t.Fatal(err)
		}
	}
	small, err := album.Get(jobs.Small(name))
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	r, g, bl, _ := got.At(100, 100).RGBA()
	if got.Bounds().Dx() != 320 || got.Bounds().Dy() != 160 || r>>8 != 200 || g>>8 != 100 || bl>>8 != 50 {
		t.Errorf("small photo: %v, colour %d %d %d", got.Bounds(), r>>8, g>>8, bl>>8)
	}
}
