package probe

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Jobs is what became of the jobs that writes brought, as the primary knows it by their effects.
type Jobs struct {
	Node        string
	At          time.Duration // when the reading ended, offset from the run's origin
	Done        [][2]uint64   // ids of writes whose job had its effect, ascending ranges with both ends included
	Doubled     [][2]uint64   // those of which it had more than one
	Redelivered uint64        // jobs that were brought to a worker again after they had been done
	Err         string        // nobody could be read: what became of the jobs is unknown
}

// jobsSQL counts the effects of each write's job, and how often it was brought again.
const jobsSQL = `select p.op_id, count(e.id), coalesce(sum(e.deliveries - 1), 0)::bigint
 from posts p left join effects e on e.kind = 'post' and e.ref = p.id::text
 where p.op_id is not null group by p.op_id order by p.op_id`

// Jobs reads from the only primary which writes' jobs had their effect. Call it when writing has stopped and faults are healed. It asks
// again until all had, for at most wait: jobs that failed are tried again after up to 8 s.
func (w Watch) Jobs(ctx context.Context, origin time.Time, wait time.Duration) Jobs {
	ctx, cancel := context.WithTimeout(ctx, wait+readLimit)
	defer cancel()
	r := reading{Watch: w.withDefaults(), clock: clock{origin}}
	r.until = r.clock.now() + wait
	out := Jobs{Err: "there was not exactly one primary"}
	for {
		if e, ok := r.onlyPrimary(ctx); ok {
			got, left, err := r.jobs(ctx, e)
			if out = got; err != nil {
				out.Err = err.Error()
			} else if left == 0 {
				return out
			}
		}
		if !r.again(ctx) {
			return out
		}
	}
}

// jobs reads once; left is how many writes' jobs had no effect yet.
func (r reading) jobs(ctx context.Context, e Endpoint) (out Jobs, left int, err error) {
	out.Node = e.Name
	d, err := r.dial(ctx, e)
	if err != nil {
		return out, 0, err
	}
	defer d.close()
	rows, err := d.conn.Query(ctx, jobsSQL)
	if err != nil {
		return out, 0, err
	}
	var done, doubled ranges
	var id, count, again int64
	_, err = pgx.ForEachRow(rows, []any{&id, &count, &again}, func() error {
		switch {
		case count == 0:
			left++
		case count > 1:
			doubled.add(uint64(id))
			fallthrough
		default:
			done.add(uint64(id))
			out.Redelivered += uint64(again + count - 1)
		}
		return nil
	})
	out.Done, out.Doubled, out.At = done, doubled, r.clock.now()
	return out, left, err
}
