package reshard

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gauntlet/targetapp/shard"
)

// ErrUsage is wrapped by errors about the command's arguments.
var ErrUsage = errors.New("reshard [-to N|s1,s2] [-strategy modulo|consistent|directory] [-isolate KEY -onto SHARD] [-verify]")

// order is what the command shall do.
type order struct {
	to       []string       // shards that shall take part; none: those that the map names
	strategy shard.Strategy // "": the map's
	isolate  *int64         // a key that gets a slot of its own
	onto     string         // and where that goes
	verify   bool
}

// parse reads the arguments. A number stands for the first so many shards.
func parse(args []string, groups []shard.Group) (o order, err error) {
	f := flag.NewFlagSet("reshard", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	to, strategy := f.String("to", "", ""), f.String("strategy", "", "")
	isolate, onto := f.String("isolate", "", ""), f.String("onto", "", "")
	f.BoolVar(&o.verify, "verify", false, "")
	if err := f.Parse(args); err != nil || f.NArg() > 0 {
		return o, fmt.Errorf("%w: %w", ErrUsage, errors.Join(err, fmt.Errorf("arguments %q", args)))
	}
	var names []string
	for _, g := range groups {
		names = append(names, g.Name)
	}
	o.strategy, o.onto = shard.Strategy(*strategy), *onto
	if o.to = strings.FieldsFunc(*to, func(r rune) bool { return r == ',' }); len(o.to) == 1 {
		if n, e := strconv.Atoi(o.to[0]); e == nil && n >= 1 && n <= len(names) {
			o.to = names[:n]
		}
	}
	for _, name := range append(slices.Clone(o.to), o.onto) {
		if name != "" && !slices.Contains(names, name) {
			return o, fmt.Errorf("%w: there is no shard %q; there are %s, or a number up to %d", ErrUsage, name, strings.Join(names, ", "), len(names))
		}
	}
	if (*isolate == "") != (o.onto == "") {
		return o, fmt.Errorf("%w: -isolate says which key, and -onto where it goes; both are needed", ErrUsage)
	}
	if *isolate != "" {
		key, err := strconv.ParseInt(*isolate, 10, 64)
		if err != nil {
			return o, fmt.Errorf("%w: -isolate %q is not a key, such as 17", ErrUsage, *isolate)
		}
		o.isolate = &key
	}
	return o, nil
}

// resharder is one call of the command.
type resharder struct {
	groups []shard.Group
	keeper *shard.Keeper
	kept   shard.Kept
	out    io.Writer
	naive  bool // see naively

	dbs   map[string]*db
	dirty []left
}

// left are rows that are to be deleted at the old owner.
type left struct {
	shard.Move
	moved time.Time
}

// Run does what args say and writes its progress to out, a line for each slot. Without arguments it goes on with what was begun.
func Run(ctx context.Context, args []string, env func(string) string, out io.Writer) error {
	groups, err1 := shard.ParseGroups(env("APP_SHARDS"))
	keeper, err2 := shard.NewKeeper(env("APP_SHARD_MAP"))
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	o, err := parse(args, groups)
	if err != nil {
		return err
	}
	r := &resharder{groups: groups, keeper: keeper, out: out, naive: env("APP_RESHARD_NAIVE") == "true", dbs: map[string]*db{}}
	defer r.hangUp(ctx)
	if r.kept, err = keeper.Load(ctx); err != nil {
		return err
	}
	if o.verify {
		return r.verify(ctx)
	}
	if err := r.alone(ctx); err != nil {
		return err
	}
	if o.isolate != nil {
		return r.isolate(ctx, *o.isolate, o.onto)
	}
	return r.reshard(ctx, o)
}

// alone makes sure that nobody else moves slots.
func (r *resharder) alone(ctx context.Context) error {
	d, err := open(ctx, r.groups[0])
	if err != nil {
		return err
	}
	r.dbs["lock"] = d
	var got bool
	if err := d.conn.QueryRow(ctx, `select pg_try_advisory_lock(7018)`).Scan(&got); err != nil {
		return d.wrap(err)
	}
	if !got {
		return errors.New("another reshard is at work; wait for it, or stop it")
	}
	return nil
}

// reshard spreads the slots as asked for.
func (r *resharder) reshard(ctx context.Context, o order) error {
	strategy, shards := r.kept.Strategy, r.kept.Shards
	if o.strategy != "" {
		strategy = o.strategy
	}
	if len(o.to) > 0 {
		shards = o.to
	}
	moves, err := r.kept.Moves(strategy, shards)
	if err != nil {
		return err
	}
	if strategy != r.kept.Strategy || !slices.Equal(shards, r.kept.Shards) {
		if err := r.change(ctx, r.kept.Aimed(strategy, shards)); err != nil {
			return err
		}
	}
	fmt.Fprintf(r.out, "map %d: %d of %d slots to move, so that %s spreads them over %s\n", r.kept.Version, len(moves), len(r.kept.Owners), strategy, strings.Join(shards, ", "))
	if r.naive {
		return r.naively(ctx, moves)
	}
	return r.all(ctx, moves)
}

// all moves the slots one after the other and then deletes what was left behind, also by an earlier call.
func (r *resharder) all(ctx context.Context, moves []shard.Move) error {
	began, rows := time.Now(), 0
	for i, m := range moves {
		if err := ctx.Err(); err != nil {
			return errors.Join(fmt.Errorf("interrupted after %d of %d slots; call again to go on: %w", i, len(moves), err), r.sweep(context.WithoutCancel(ctx)))
		}
		mv, err := r.one(ctx, m)
		if err != nil {
			return fmt.Errorf("after %d of %d slots; call again to go on: %w", i, len(moves), err)
		}
		rows += mv.rows
		fmt.Fprintf(r.out, "%d of %d: slot %d from %s to %s, %d rows, writes waited %d ms; %.0f rows/s\n", i+1, len(moves), m.Slot, m.From, m.To,
			mv.rows, mv.frozen.Milliseconds(), float64(rows)/time.Since(began).Seconds())
		if err := r.cleanOld(ctx, grace); err != nil {
			return err
		}
		sleep(ctx, slotPause)
	}
	if err := r.sweep(ctx); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "done: map %d, %d slots with %d rows moved in %.1f s\n", r.kept.Version, len(moves), rows, time.Since(began).Seconds())
	return r.verify(ctx)
}

// tries is how often a slot is tried anew, with new connections: a failover may come in between.
const tries = 4

func (r *resharder) one(ctx context.Context, m shard.Move) (*mover, error) {
	var errs []error
	for range tries {
		if r.kept.Owners[m.Slot] == m.To { // the last try did change the map
			r.dirty = append(r.dirty, left{m, time.Now()})
			return &mover{Move: m}, nil
		}
		mv, err := r.mover(ctx, m)
		if err == nil {
			if err = mv.move(ctx); err == nil {
				r.dirty = append(r.dirty, left{m, time.Now()})
				return mv, nil
			}
		}
		errs = append(errs, err)
		r.hangUpAll(ctx)
		if !sleep(ctx, time.Second) {
			break
		}
		if r.kept, err = r.keeper.Load(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	return nil, fmt.Errorf("slot %d from %s to %s: %w", m.Slot, m.From, m.To, errors.Join(errs...))
}

func (r *resharder) mover(ctx context.Context, m shard.Move) (*mover, error) {
	from, err := r.db(ctx, m.From)
	if err != nil {
		return nil, err
	}
	to, err := r.db(ctx, m.To)
	return &mover{resharder: r, Move: m, from: from, to: to}, err
}

// change replaces the map. An answer that did not come is looked up.
func (r *resharder) change(ctx context.Context, to shard.Map) error {
	kept, err := r.keeper.Change(ctx, r.kept, to)
	if err == nil {
		r.kept = kept
		return nil
	}
	now, loadErr := r.keeper.Load(ctx)
	if loadErr != nil {
		return errors.Join(err, loadErr)
	}
	r.kept = now
	if now.String() == to.String() {
		return nil
	}
	return err
}

// db is the connection to a shard's primary, which is opened when it is first needed.
func (r *resharder) db(ctx context.Context, name string) (*db, error) {
	if d := r.dbs[name]; d != nil {
		return d, nil
	}
	i := slices.IndexFunc(r.groups, func(g shard.Group) bool { return g.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("the map names shard %s, which is not in APP_SHARDS", name)
	}
	d, err := open(ctx, r.groups[i])
	if err == nil {
		r.dbs[name] = d
	}
	return d, err
}

// hangUpAll closes all connections but the one that holds the lock.
func (r *resharder) hangUpAll(ctx context.Context) {
	for name, d := range r.dbs {
		if name != "lock" {
			d.close(ctx)
			delete(r.dbs, name)
		}
	}
}

func (r *resharder) hangUp(ctx context.Context) {
	r.hangUpAll(ctx)
	if d := r.dbs["lock"]; d != nil {
		d.close(ctx)
	}
}
