package seed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gauntlet/targetapp/password"
	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/shard"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// sharding is what the seed needs to know where there are shards.
type sharding struct {
	groups   []shard.Group  // none: one database
	keeper   *shard.Keeper  //
	strategy shard.Strategy // APP_SHARD_STRATEGY, default directory
	active   []string       // APP_SHARDS_ACTIVE, names with commas, default all: those that own something at first

	part *part // the shard that is being filled; nil: one database
}

// part is what one shard gets.
type part struct {
	name string
	m    shard.Map
}

func readSharding(env func(string) string) (s sharding, err error) {
	var errs []error
	s.groups, err = shard.ParseGroups(env("APP_SHARDS"))
	errs = append(errs, err)
	s.keeper, err = shard.NewKeeper(env("APP_SHARD_MAP"))
	errs = append(errs, err)
	s.strategy = shard.Strategy(cmp.Or(env("APP_SHARD_STRATEGY"), string(shard.Directory)))
	s.active = strings.FieldsFunc(env("APP_SHARDS_ACTIVE"), func(r rune) bool { return r == ',' || r == ' ' })
	known := func(name string) bool {
		return slices.ContainsFunc(s.groups, func(g shard.Group) bool { return g.Name == name })
	}
	for _, name := range s.active {
		if !known(name) {
			errs = append(errs, fmt.Errorf("APP_SHARDS_ACTIVE: there is no shard %q in APP_SHARDS", name))
		}
	}
	if len(s.active) == 0 {
		for _, g := range s.groups {
			s.active = append(s.active, g.Name)
		}
	}
	if n, err := number(env, "APP_USERS", 200); err == nil && n < shard.Buckets {
		errs = append(errs, fmt.Errorf("APP_USERS is %d, want at least %d: one for each bucket, so that each seeded post has an author", n, shard.Buckets))
	}
	if _, err := shard.New(s.strategy, s.active); err != nil {
		errs = append(errs, fmt.Errorf("APP_SHARD_STRATEGY: %w", err))
	}
	return s, errors.Join(errs...)
}

// shardTablesSQL are the tables and indexes that only shards have: rows are found by bucket when one moves.
var shardTablesSQL = []string{
	postgres.OwnedSQL,
	`create index if not exists posts_low on posts ((user_id & 255))`,
	`create index if not exists users_low on users ((id & 255))`,
	`create index if not exists registers_low on registers ((key & 255))`,
}

// runSharded makes the map if there is none yet, then the tables of all shards at the same time, each with what the map says is its own.
func runSharded(ctx context.Context, cfg config, say func(string)) error {
	m, err := firstMap(ctx, cfg)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, group := range cfg.groups {
		mine := cfg
		mine.members, mine.part = group.Members, &part{group.Name, m}
		g.Go(func() error {
			if err := runOne(ctx, mine, func(text string) { say(group.Name + ": " + text) }); err != nil {
				return fmt.Errorf("shard %s: %w", group.Name, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// firstMap makes the map, or loads the one that is there.
func firstMap(ctx context.Context, cfg config) (shard.Map, error) {
	m, err := shard.New(cfg.strategy, cfg.active)
	if err != nil {
		return shard.Map{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	for {
		kept, err := cfg.keeper.Make(ctx, m)
		if err != nil { // there is one, or it cannot be told: then the next answer tells
			kept, err = cfg.keeper.Load(ctx)
		}
		if err == nil {
			return kept.Map, nil
		}
		if err := pause(ctx, retryEvery); err != nil {
			return shard.Map{}, fmt.Errorf("no shard map within %s: %w", waitLimit, err)
		}
	}
}

// fillPart gives a shard its slots, users and posts, if it was never filled.
func fillPart(ctx context.Context, tx pgx.Tx, cfg config) error {
	var filled bool
	if err := tx.QueryRow(ctx, `select exists (select from owned) or exists (select from users)`).Scan(&filled); err != nil || filled {
		return err
	}
	p := cfg.part
	mine := func(key int64) bool { return p.m.Owner(key) == p.name }
	if _, err := tx.Exec(ctx, `insert into owned (slot, since) select unnest($1::int[]), $2::bigint`, p.m.Owned(p.name), p.m.Version); err != nil {
		return fmt.Errorf("fill slots: %w", err)
	}
	var people, texts [][]any
	for id := int64(1); id <= int64(cfg.users); id++ {
		if !mine(id) {
			continue
		}
		hash, err := password.Hash("password-" + strconv.FormatInt(id, 10))
		if err != nil {
			return err
		}
		people = append(people, []any{id, "user-" + strconv.FormatInt(id, 10), hash})
	}
	for n := int64(1); n <= int64(cfg.posts); n++ {
		if author := author(n, cfg.users); mine(author) {
			texts = append(texts, []any{n, author, "photo " + strconv.FormatInt(n, 10), "seed"})
		}
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"users"}, []string{"id", "name", "password_hash"}, pgx.CopyFromRows(people)); err != nil {
		return fmt.Errorf("fill users: %w", err)
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"posts"}, []string{"id", "user_id", "text", "served_by"}, pgx.CopyFromRows(texts)); err != nil {
		return fmt.Errorf("fill posts: %w", err)
	}
	return nil
}

// author of the seeded post n: a user in the same bucket, since a post's id tells where it lives.
func author(n int64, users int) int64 {
	whole := int64(users / shard.Buckets * shard.Buckets)
	return (n-1)%whole + 1
}
