package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"gauntlet/targetapp/broker"
	"gauntlet/targetapp/postgres"
)

const (
	batch      = 50
	relayEvery = 100 * time.Millisecond // when there was nothing
	pause      = 500 * time.Millisecond // after an error
)

// Outbox is where jobs come from; postgres.Outbox is one.
type Outbox interface {
	Take(ctx context.Context, n int) ([]postgres.Job, error)
	HandedOver(ctx context.Context, ids []int64) error
	GiveUp(ctx context.Context, id int64) error
}

// Publisher takes jobs over; broker.Publisher is one.
type Publisher interface {
	Publish(ctx context.Context, all []broker.Message) (confirmed []string, err error)
}

// relay carries one batch over and says how many jobs there were. Jobs that were not confirmed stay in the outbox.
func relay(ctx context.Context, from Outbox, to Publisher) (int, error) {
	jobs, err := from.Take(ctx, batch)
	if err != nil || len(jobs) == 0 {
		return 0, err
	}
	var all []broker.Message
	under := sending{}
	for _, j := range jobs {
		body, err := json.Marshal(j)
		if err != nil {
			return 0, fmt.Errorf("job %d: %w", j.ID, err)
		}
		m := broker.Message{ID: strconv.FormatInt(j.ID, 10), Body: body, Attempt: 1}
		m.Trace = under.begin(ctx, m.ID, j.Trace)
		all = append(all, m)
	}
	confirmed, err := to.Publish(ctx, all)
	under.end(confirmed)
	var ids []int64
	for _, c := range confirmed {
		id, e := strconv.ParseInt(c, 10, 64)
		if e == nil {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		err = errors.Join(err, from.HandedOver(ctx, ids))
	}
	return len(jobs), err
}

// relayUntil carries jobs over until ctx ends (nil) or the publisher fails. An outbox that fails is asked again.
func (w *worker) relayUntil(ctx context.Context, to Publisher) error {
	for ctx.Err() == nil {
		n, err := relay(ctx, w.outbox, to)
		w.counts.relayed.Add(float64(n))
		wait := relayEvery
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, postgres.ErrNoEffect):
			wait = pause
		case err != nil:
			return err
		case n == batch:
			wait = 0
		}
		sleep(ctx, wait)
	}
	return nil
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (w *worker) warn(ctx context.Context, what string, err error) {
	if ok, held := w.throttle.Pass(time.Now()); ok {
		w.log.LogAttrs(ctx, slog.LevelWarn, what+": "+err.Error(), slog.Int("held_back", held))
	}
}
