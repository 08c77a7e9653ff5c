package seed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gauntlet/targetapp/postgres"

	"github.com/jackc/pgx/v5"
)

var errReplica = errors.New("is a replica")

// awaitPrimary connects to the primary, trying all members until there is one.
func awaitPrimary(ctx context.Context, members []postgres.Member, say func(string)) (*pgx.Conn, string, error) {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	var told time.Time
	for {
		var errs []error
		for _, m := range members {
			conn, err := connect(ctx, m)
			if err == nil {
				return conn, m.Name, nil
			}
			errs = append(errs, fmt.Errorf("%s: %w", m.Name, err))
		}
		if time.Since(told) >= logEvery {
			told = time.Now()
			say("waiting for a primary: " + errors.Join(errs...).Error())
		}
		select {
		case <-ctx.Done():
			return nil, "", fmt.Errorf("no primary within %s; are the databases up? %w", waitLimit, errors.Join(errs...))
		case <-tick.C:
		}
	}
}

// pause waits for d, or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// connect returns a connection to m if it is the primary.
func connect(ctx context.Context, m postgres.Member) (*pgx.Conn, error) {
	try, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	conn, err := pgx.Connect(try, "postgres://app:app@"+m.Addr+"/app?sslmode=disable&application_name=seed")
	if err != nil {
		return nil, err
	}
	var replica bool
	if err = conn.QueryRow(try, `select pg_is_in_recovery()`).Scan(&replica); err == nil && replica {
		err = errReplica
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	return conn, nil
}
