package worker

import (
	"context"

	"gauntlet/targetapp/feed"
	"gauntlet/targetapp/logs"
	"gauntlet/targetapp/postgres"

	"github.com/redis/go-redis/v9"
)

// lists lets the worker keep the feed and the leaderboard of the cluster that nodes belong to, if any. run compares them with the
// database until its context ends.
func (w *worker) lists(nodes []string, router *postgres.Router) (run func(context.Context) error, closeAll func() error) {
	if len(nodes) == 0 {
		return func(context.Context) error { return nil }, func() error { return nil }
	}
	redis.SetLogger(logs.Quiet{Log: w.log})
	cluster := feed.Open(nodes)
	keeper := feed.NewKeeper(postgres.Origin{Router: router}, cluster)
	w.doer.Lists = keeper
	w.counts.registry.MustRegister(keeper)
	return func(ctx context.Context) error {
		keeper.Run(ctx, w.warn)
		return nil
	}, cluster.Close
}
