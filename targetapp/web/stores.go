package web

import (
	"context"
	"errors"
	"fmt"
	"net"

	"gauntlet/targetapp/activity"
	"gauntlet/targetapp/feed"
)

// Stores are those beside the database and the cache.
type Stores struct {
	Feed     []string // APP_FEED_STORE, nodes of the Redis Cluster with the feed and the leaderboard, host:port with commas; none: no such store
	Activity string   // APP_ACTIVITY, this region's activity log, host:port; "": none
	Region   string   // APP_REGION, needed by the activity log and by regional sessions
}

func (c *Config) readStores(env func(string) string) error {
	var errs []error
	var err error
	if c.Feed, err = feed.ParseNodes(env("APP_FEED_STORE")); err != nil {
		errs = append(errs, fmt.Errorf("APP_FEED_STORE: %w", err))
	}
	if len(c.Feed) > 0 && !c.Jobs {
		errs = append(errs, errors.New("APP_FEED_STORE needs APP_JOBS: jobs keep that store"))
	}
	c.Region, c.Activity = env("APP_REGION"), env("APP_ACTIVITY")
	if c.Activity == "" {
		return errors.Join(errs...)
	}
	if _, _, err := net.SplitHostPort(c.Activity); err != nil {
		errs = append(errs, fmt.Errorf("APP_ACTIVITY is %q, want the region's store as host:port", c.Activity))
	}
	return errors.Join(append(errs, region(c.Region))...)
}

// region checks APP_REGION, the first part of names that regions give.
func region(name string) error {
	if err := activity.Region(name); err != nil {
		return fmt.Errorf("APP_REGION: %w", err)
	}
	return nil
}

// openStores puts the derived lists in front of the cache and the database, and opens the activity log.
func (p *parts) openStores(cfg Config) {
	if len(cfg.Feed) > 0 {
		cluster := feed.Open(cfg.Feed)
		reader := feed.NewReader(cluster)
		p.store, p.social = feed.Posts{PostSource: p.store, Reader: reader}, feed.Social{SocialSource: p.social, Reader: reader}
		p.metrics = append(p.metrics, reader)
		p.closers = append(p.closers, cluster.Close)
	}
	if cfg.Activity != "" {
		p.activity = activity.Open(cfg.Activity, cfg.Region)
		p.recorder = activity.NewRecorder(p.activity)
		p.beside = append(p.beside, func(ctx context.Context) error { p.recorder.Run(ctx); return nil })
		p.metrics = append(p.metrics, p.recorder)
		p.closers = append(p.closers, p.activity.Close)
	}
}
