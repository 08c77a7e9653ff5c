package worker

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"gauntlet/targetapp/broker"
	"gauntlet/targetapp/jobs"
	"gauntlet/targetapp/logs"
	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/tracing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// doLimit bounds one job.
const doLimit = 5 * time.Second

// verdict is what becomes of a job after an attempt.
type verdict struct {
	outcome string        // done, again, retry or dead
	delay   time.Duration // of a retry
}

// judge decides by the error of the attempt-th attempt, from 1. first is false if the job had been done before.
func judge(attempt int, first bool, err error) verdict {
	switch {
	case err == nil && first:
		return verdict{outcome: "done"}
	case err == nil:
		return verdict{outcome: "again"}
	}
	if d, ok := jobs.Next(attempt, err); ok {
		return verdict{"retry", d}
	}
	return verdict{outcome: "dead"}
}

// handle does the job of a message.
func (w *worker) handle(ctx context.Context, m broker.Message) verdict {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), doLimit)
	defer cancel()
	ctx = logs.With(ctx, logs.IDs{Request: "job " + m.ID})
	ctx, span := tracing.Follow(ctx, tracer(), m.Trace, "process "+broker.Work, trace.SpanKindConsumer, append(messaging(m.ID), attribute.Int("app.job.attempt", m.Attempt))...)
	var j postgres.Job
	if err := json.Unmarshal(m.Body, &j); err != nil || j.ID == 0 {
		err = errors.Join(err, jobs.ErrHopeless)
		w.warn(ctx, "a message is no job", err)
		tracing.End(span, err)
		return verdict{outcome: "dead"}
	}
	w.observeWait(m)
	first, err := w.doer.Do(ctx, j)
	tracing.End(span, err)
	if err != nil {
		w.warn(ctx, "job "+m.ID, err)
	} else {
		w.counts.age.Observe(time.Since(j.Made).Seconds())
	}
	return judge(m.Attempt, first, err)
}

// observeWait notes how long the broker had a job. One that was tried before has waited for its time to come.
func (w *worker) observeWait(m broker.Message) {
	if m.Attempt == 1 && !m.Published.IsZero() {
		w.counts.wait.Observe(max(0, time.Since(m.Published).Seconds()))
	}
}

// settle tells the broker. A job that shall be tried again is acknowledged only when the waiting queue has it; one that is laid aside
// is kept in the outbox no longer.
func (w *worker) settle(ctx context.Context, d broker.Delivery, v verdict, retry func(context.Context, broker.Message, time.Duration) error) error {
	switch v.outcome {
	case "dead":
		if err := d.Reject(); err != nil {
			return err
		}
		return w.giveUp(context.WithoutCancel(ctx), d.ID)
	case "retry":
		m := d.Message
		m.Attempt++
		if err := retry(ctx, m, v.delay); err != nil {
			return err // not acknowledged: it is delivered again
		}
	}
	return d.Done()
}

// giveUp takes a job out of the outbox, if it has a number.
func (w *worker) giveUp(ctx context.Context, id string) error {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil // no job of the outbox
	}
	return w.outbox.GiveUp(ctx, n)
}
