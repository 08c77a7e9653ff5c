package state_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gauntlet/chaos/agent/state/statetest"
)

// BenchmarkSlowReplay reports how far behind a replica is that is kept 2 s behind, while the primary commits all the time:
// the smallest, the median and the largest lag of reads on the replica, in milliseconds.
func BenchmarkSlowReplay(b *testing.B) {
	c := statetest.PostgresPair(b, postgresImage(b))
	primary, replica := pg{c.Ports[5432]}, pg{c.Ports[5433]}
	statetest.Eventually(b, patience, "table", func(ctx context.Context) error {
		return primary.exec(ctx, "create table if not exists beat (at timestamptz)")
	})
	statetest.Eventually(b, patience, "replica", func(ctx context.Context) error { return replica.exec(ctx, "select from beat") })
	writer, err := primary.dial(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() { write(ctx, writer) })
	defer func() { stop(); wg.Wait(); _ = writer.Close(context.Background()) }()
	for b.Loop() {
		w, op := worker(b), slowOf(replica, 2*time.Second)
		proof, err := w.Apply(b.Context(), "bench", op)
		if err != nil {
			b.Fatal(err)
		}
		b.Log(proof)
		time.Sleep(3 * time.Second)
		report(b, lags(b, replica))
		if err := w.Clear(b.Context(), "bench", op); err != nil {
			b.Fatal(err)
		}
	}
}

// write commits a row at a time until ctx ends.
func write(ctx context.Context, conn *pgx.Conn) {
	for ctx.Err() == nil {
		_, _ = conn.Exec(context.WithoutCancel(ctx), "insert into beat values (clock_timestamp())")
		time.Sleep(2 * time.Millisecond)
	}
}

// lags reads for 5 s how old the newest row is on the replica, which has the same clock.
func lags(b *testing.B, replica pg) []time.Duration {
	b.Helper()
	conn, err := replica.dial(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	var out []time.Duration
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var ms int64
		if err := conn.QueryRow(b.Context(), "select (extract(epoch from clock_timestamp() - max(at)) * 1000)::bigint from beat").Scan(&ms); err != nil {
			b.Fatal(err)
		}
		out = append(out, time.Duration(ms)*time.Millisecond)
	}
	slices.Sort(out)
	return out
}

func report(b *testing.B, lags []time.Duration) {
	for name, at := range map[string]int{"min": 0, "p50": len(lags) / 2, "max": len(lags) - 1} {
		b.ReportMetric(float64(lags[at].Milliseconds()), fmt.Sprintf("ms-lag-%s", name))
	}
}
