package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	today    = `(now() at time zone 'utc')::date`
	cameSQL  = `insert into daily_users (day, user_id) select ` + today + `, unnest($1::bigint[]) on conflict do nothing`
	todaySQL = `select count(*) from daily_users where day = ` + today
)

// Daily keeps which users came today, in UTC.
type Daily struct{ Router *Router }

// Came notes that the users came. It may be repeated.
func (d Daily) Came(ctx context.Context, users []int64) error {
	_, _, err := write(ctx, d.Router, true, func(ctx context.Context, c *pgxpool.Conn) (none, error) {
		_, err := c.Exec(ctx, cameSQL, users)
		return none{}, err
	})
	return err
}

// Today is how many came, as some node knows it.
func (d Daily) Today(ctx context.Context) (int64, error) {
	n, _, err := read(ctx, d.Router, 0, func(ctx context.Context, c *pgxpool.Conn) (n int64, err error) {
		err = c.QueryRow(ctx, todaySQL).Scan(&n)
		return n, err
	})
	return n, err
}
