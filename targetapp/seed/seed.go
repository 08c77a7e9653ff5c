// Package seed is the app's seed role: it waits for a primary, makes the tables and fills them once. It may run again at
// any time; what is there already stays.
package seed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"gauntlet/targetapp/password"
	"gauntlet/targetapp/postgres"

	"github.com/jackc/pgx/v5"
)

const (
	waitLimit    = 4 * time.Minute  // for a primary; those who wait for the seed give up sooner or later by themselves
	workLimit    = 60 * time.Second // for making and filling the tables
	connectLimit = time.Second
	retryEvery   = 250 * time.Millisecond
	logEvery     = 5 * time.Second
)

// signupStart keeps the ids of users who sign up away from the seeded ones.
const signupStart = 1_000_000

const tablesSQL = `
create table if not exists users (id bigint primary key, name text, password_hash text);
create sequence if not exists users_signup start 1000000;
create table if not exists posts (id bigserial primary key, user_id bigint, text text, created_at timestamptz default now(), op_id bigint, served_by text);
create table if not exists comments (id bigserial primary key, post_id bigint not null, user_id bigint not null, text text, created_at timestamptz default now(), op_id bigint);
create index if not exists comments_post on comments (post_id, id);
create table if not exists likes (post_id bigint, user_id bigint, author bigint not null, at timestamptz default now(), primary key (post_id, user_id));
create index if not exists likes_author on likes (author);
create table if not exists registers (key bigint primary key, value bigint not null);
create table if not exists daily_users (day date, user_id bigint, primary key (day, user_id));
create table if not exists heartbeat (id int primary key, beat bigint, at timestamptz);
create table if not exists outbox (id bigserial primary key, kind text, ref text, made timestamptz default now(), taken timestamptz, sent timestamptz, trace text);
create table if not exists effects (id bigserial primary key, job bigint, kind text, ref text, worker text, at timestamptz default now(), deliveries int not null default 1);`

// Only the unique index makes a repeated write recognisable; the naive variant lets repetitions through.
const (
	onceIndex  = `create unique index if not exists posts_op_id on posts (op_id) where op_id is not null; create unique index if not exists comments_op_id on comments (op_id) where op_id is not null`
	plainIndex = `create index if not exists posts_op_id on posts (op_id); create index if not exists comments_op_id on comments (op_id)`

	onceJobIndex  = `create unique index if not exists effects_job on effects (job)`
	plainJobIndex = `create index if not exists effects_job on effects (job)`
)

// config of the seed role.
type config struct {
	members      []postgres.Member
	users, posts int
	idempotent   bool // posts
	onceJobs     bool // effects of jobs
	sharding
}

func readConfig(env func(string) string) (config, error) {
	c := config{idempotent: env("APP_IDEMPOTENT") != "false", onceJobs: env("APP_JOBS_IDEMPOTENT") != "false"}
	var err1, err2, err3 error
	if env("APP_SHARDS") != "" {
		c.sharding, err1 = readSharding(env)
	} else {
		c.members, err1 = postgres.ParseMembers(env("APP_DATABASES"))
	}
	c.users, err2 = number(env, "APP_USERS", 200)
	c.posts, err3 = number(env, "APP_POSTS", 1000)
	return c, errors.Join(err1, err2, err3)
}

func number(env func(string) string, name string, preset int) (int, error) {
	s := env(name)
	if s == "" {
		return preset, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n >= signupStart {
		return 0, fmt.Errorf("%s is %q, want a whole number from 1 to %d", name, s, signupStart-1)
	}
	return n, nil
}

// Run makes and fills the tables. It returns an error if no primary shows up within 90 s.
func Run(ctx context.Context, env func(string) string, log *slog.Logger) error {
	cfg, err := readConfig(env)
	if err != nil {
		return err
	}
	say := func(text string) { log.LogAttrs(ctx, slog.LevelInfo, text) }
	if len(cfg.groups) > 0 {
		return runSharded(ctx, cfg, say)
	}
	return runOne(ctx, cfg, say)
}

// runOne makes and fills the tables of one database cluster.
func runOne(ctx context.Context, cfg config, say func(string)) error {
	conn, name, err := awaitPrimary(ctx, cfg.members, say)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, workLimit)
	defer cancel()
	defer conn.Close(context.WithoutCancel(ctx))
	say("seeding on " + name)
	if err := fill(ctx, conn, cfg); err != nil {
		return fmt.Errorf("seed on %s: %w", name, err)
	}
	say(fmt.Sprintf("done: %d users and %d posts on %s", cfg.users, cfg.posts, name))
	return nil
}

// fill works in one transaction: after a failure there is nothing half done.
func fill(ctx context.Context, conn *pgx.Conn, cfg config) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		index, jobIndex := plainIndex, plainJobIndex
		if cfg.idempotent {
			index = onceIndex
		}
		if cfg.onceJobs {
			jobIndex = onceJobIndex
		}
		tables := []string{`select pg_advisory_xact_lock(7017)`, tablesSQL, index, jobIndex}
		if cfg.part != nil {
			tables = append(tables, shardTablesSQL...)
		}
		for _, sql := range tables {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return fmt.Errorf("make tables: %w", err)
			}
		}
		if cfg.part != nil {
			return fillPart(ctx, tx, cfg)
		}
		if err := users(ctx, tx, cfg.users); err != nil {
			return fmt.Errorf("fill users: %w", err)
		}
		if err := posts(ctx, tx, cfg); err != nil {
			return fmt.Errorf("fill posts: %w", err)
		}
		return nil
	})
}

func users(ctx context.Context, tx pgx.Tx, want int) error {
	var have int
	if err := tx.QueryRow(ctx, `select coalesce(max(id), 0) from users where id < $1`, signupStart).Scan(&have); err != nil {
		return err
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"users"}, []string{"id", "name", "password_hash"},
		pgx.CopyFromSlice(max(0, want-have), func(i int) ([]any, error) {
			id := int64(have + i + 1)
			hash, err := password.Hash("password-" + strconv.FormatInt(id, 10))
			return []any{id, "user-" + strconv.FormatInt(id, 10), hash}, err
		}))
	return err
}

func posts(ctx context.Context, tx pgx.Tx, cfg config) error {
	var have int
	if err := tx.QueryRow(ctx, `select count(*) from posts where op_id is null`).Scan(&have); err != nil {
		return err
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"posts"}, []string{"user_id", "text", "served_by"},
		pgx.CopyFromSlice(max(0, cfg.posts-have), func(i int) ([]any, error) {
			n := have + i + 1
			return []any{int64(n%cfg.users + 1), "photo " + strconv.Itoa(n), "seed"}, nil
		}))
	return err
}
