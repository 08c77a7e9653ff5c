// Package jobs knows what is done with a job whatever brings it: what each kind means, and when a job that failed is tried again.
package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // photos may be JPEG
	"image/png"
	"strings"
	"sync"
	"time"

	"gauntlet/targetapp/feed"
	"gauntlet/targetapp/photo"
	"gauntlet/targetapp/postgres"
)

// Delays before a job that failed is tried again. After the last it is laid aside.
var Delays = []time.Duration{500 * time.Millisecond, 2 * time.Second, 8 * time.Second}

// patience is how often a job is tried while the database or the feed's store is the reason: with the last delay, for about five minutes.
const patience = 40

// Next is the delay after a job failed with err for the attempt-th time, from 1; false if it shall be laid aside. An outage of
// a store is not the job's fault.
func Next(attempt int, err error) (time.Duration, bool) {
	outage := errors.Is(err, postgres.ErrNoEffect) || errors.Is(err, feed.ErrStore) || errors.Is(err, context.DeadlineExceeded)
	switch {
	case attempt < 1 || errors.Is(err, ErrHopeless):
		return 0, false
	case attempt <= len(Delays):
		return Delays[attempt-1], true
	case outage && attempt < patience:
		return Delays[len(Delays)-1], true
	}
	return 0, false
}

// ErrHopeless is wrapped by errors of jobs that no repetition will help.
var ErrHopeless = errors.New("jobs: cannot ever be done")

// Recorder keeps that a job was done; postgres.Outbox is one.
type Recorder interface {
	Record(ctx context.Context, j postgres.Job) (first bool, err error)
}

// Lists are the feed and the leaderboard of another store; feed.Keeper keeps them. Do may be repeated.
type Lists interface {
	Do(ctx context.Context, kind, ref string) error
}

// Doer does jobs.
type Doer struct {
	Record Recorder
	Album  photo.Album
	Lists  Lists // nil: none

	shrinking sync.Mutex // one photo at a time: unpacked it may take 32 MiB
}

// Do does a job. The messages to the followers of a post and to the author of what was commented and the welcome of a new user are
// their record; a photo is made small.
// first is false if the job had been done before; of the lists nobody knows: doing them again changes nothing.
func (d *Doer) Do(ctx context.Context, j postgres.Job) (first bool, err error) {
	switch j.Kind {
	case "post", "comment", "signup":
	case "photo":
		if err := d.shrink(j.Ref); err != nil {
			return false, err
		}
	case "feed", "leaderboard":
		return true, d.list(ctx, j)
	default:
		return false, fmt.Errorf("%w: kind %q", ErrHopeless, j.Kind)
	}
	return d.Record.Record(ctx, j)
}

// list brings the feed or the leaderboard to what the database says now.
func (d *Doer) list(ctx context.Context, j postgres.Job) error {
	if d.Lists == nil {
		return fmt.Errorf("%w: kind %q, and no store is configured for it", ErrHopeless, j.Kind)
	}
	err := d.Lists.Do(ctx, j.Kind, j.Ref)
	if errors.Is(err, feed.ErrKind) || errors.Is(err, postgres.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrHopeless, err)
	}
	return err
}

// small is the longest side of a small photo, in pixels.
const small = 320

// Small is the name of the small form of a photo.
func Small(name string) string {
	base, _, _ := strings.Cut(name, ".")
	return fmt.Sprintf("%s-%d.png", base, small)
}

// shrink keeps the small form of a photo beside it. It may be done any number of times.
func (d *Doer) shrink(name string) error {
	d.shrinking.Lock()
	defer d.shrinking.Unlock()
	b, err := d.Album.Get(name)
	if errors.Is(err, photo.ErrNone) {
		return fmt.Errorf("%w: %w", ErrHopeless, err)
	}
	if err != nil {
		return err
	}
	img, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrHopeless, name, err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, shrunk(img, small)); err != nil {
		return err
	}
	return d.Album.Put(Small(name), out.Bytes())
}

// shrunk scales img down so that its longer side has at most side pixels; each is the mean of those that it stands for.
func shrunk(img image.Image, side int) image.Image {
	b := img.Bounds()
	longest := max(b.Dx(), b.Dy())
	if longest <= side {
		return img
	}
	w, h := max(1, b.Dx()*side/longest), max(1, b.Dy()*side/longest)
	out := image.NewRGBA64(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			out.Set(x, y, mean(img, image.Rect(b.Min.X+x*b.Dx()/w, b.Min.Y+y*b.Dy()/h, b.Min.X+(x+1)*b.Dx()/w, b.Min.Y+(y+1)*b.Dy()/h)))
		}
	}
	return out
}

func mean(img image.Image, of image.Rectangle) color.Color {
	var sum [4]uint64
	n := uint64(of.Dx() * of.Dy())
	for y := of.Min.Y; y < of.Max.Y; y++ {
		for x := of.Min.X; x < of.Max.X; x++ {
			r, g, b, a := img.At(x, y).RGBA()
			for i, v := range []uint32{r, g, b, a} {
				sum[i] += uint64(v)
			}
		}
	}
	if n == 0 {
		return color.RGBA64{}
	}
	return color.RGBA64{R: uint16(sum[0] / n), G: uint16(sum[1] / n), B: uint16(sum[2] / n), A: uint16(sum[3] / n)}
}
