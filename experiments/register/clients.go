package register

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of Config.
const (
	MaxProcesses = 32
	MaxKeys      = 64
	MaxRate      = 200.0
)

// Config says how many clients there are, and what they do.
type Config struct {
	API       API
	Processes int     // at the same time, 1 to 32
	Keys      int     // shared registers, 1 to 64
	Rate      float64 // calls per second of all processes together, above 0, to 200
	Timeout   time.Duration
	Seed      uint64
}

// ErrConfig says that a Config is out of its ranges.
var ErrConfig = errors.New("registers: bad configuration")

func (c Config) check() error {
	switch {
	case c.Processes < 1 || c.Processes > MaxProcesses, c.Keys < 1 || c.Keys > MaxKeys:
		return fmt.Errorf("%w: %d processes on %d keys", ErrConfig, c.Processes, c.Keys)
	case !(c.Rate > 0 && c.Rate <= MaxRate), c.Timeout <= 0:
		return fmt.Errorf("%w: %g calls per second with a timeout of %s", ErrConfig, c.Rate, c.Timeout)
	}
	return nil
}

// Run lets the clients call base until ctx ends. Each call is given to emit, from several goroutines; times count from origin. The
// keys are new in each run, because they begin with the time of its origin.
func Run(ctx context.Context, c Config, base string, origin time.Time, emit func(Op)) error {
	if err := c.check(); err != nil {
		return err
	}
	asks := newCaller(c.API, base, c.Timeout)
	defer asks.close()
	b := &bench{Config: c, asks: asks, origin: origin, emit: emit, first: origin.UnixMilli() * 1000}
	b.owned = make([]atomic.Int64, c.Processes)
	b.process.Store(int64(c.Processes) - 1)
	b.key.Store(b.first + int64(c.Keys) - 1)
	for i := range b.owned {
		b.owned[i].Store(b.key.Add(1))
	}
	var all sync.WaitGroup
	for i := range c.Processes {
		all.Go(func() { b.work(ctx, i) })
	}
	all.Wait()
	return nil
}

// bench is what the processes share.
type bench struct {
	Config
	asks    *caller
	origin  time.Time
	emit    func(Op)
	first   int64          // of the shared keys
	owned   []atomic.Int64 // keys, by place
	process atomic.Int64   // the last that was given out
	key     atomic.Int64
	value   atomic.Int64 // of shared registers: each occurs once
}

// client is one place, which a process after the other takes.
type client struct {
	*bench
	place   int
	dice    *rand.Rand
	process int64
	session string // the header that is carried on
	own     int64  // the last value written to the register of one's own
}

// work calls at even distances, off which a call that takes long falls without being made up for.
func (b *bench) work(ctx context.Context, place int) {
	c := &client{bench: b, place: place, dice: rand.New(rand.NewPCG(b.Seed, uint64(place))), process: int64(place)}
	every := time.Duration(float64(b.Processes) / b.Rate * float64(time.Second))
	next := time.NewTimer(time.Duration(c.dice.Int64N(int64(every) + 1)))
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		next.Reset(every)
		if ctx.Err() != nil {
			return // both were ready, and the choice fell on this one
		}
		c.step(ctx)
	}
}

// step makes one call.
func (c *client) step(ctx context.Context) {
	op := c.draw()
	op.Process, op.Call = c.process, time.Since(c.origin)
	c.asks.call(ctx, &op, &c.session)
	op.Return = time.Since(c.origin)
	if ctx.Err() != nil && op.Out != OK {
		op.Err = "the run was over"
	}
	c.emit(op)
	if op.Out == Info {
		c.replace(op)
	}
}

// draw chooses what is called next.
func (c *client) draw() Op {
	dice := c.dice.IntN(100)
	if c.API.Session == "" {
		dice %= 60
	}
	switch {
	case dice < 30:
		return Op{Kind: Set, Key: c.shared(), Value: c.value.Add(1)}
	case dice < 60:
		return Op{Kind: Current, Key: c.shared()}
	case dice < 75:
		c.own++
		return Op{Kind: Set, Owned: true, Key: c.owned[c.place].Load(), Value: c.own}
	case dice < 90:
		return Op{Kind: Session, Owned: true, Key: c.owned[c.place].Load()}
	}
	return Op{Kind: Session, Owned: true, Key: c.owned[c.dice.IntN(c.Processes)].Load()}
}

func (c *client) shared() int64 { return c.first + c.dice.Int64N(int64(c.Keys)) }

// replace puts a new process in the place of one whose write may still come. If that is a write to its own register, that one is
// left too: the write could come after the next one.
func (c *client) replace(op Op) {
	c.process, c.session = c.bench.process.Add(1), ""
	if op.Owned {
		c.owned[c.place].Store(c.key.Add(1))
		c.own = 0
	}
}
