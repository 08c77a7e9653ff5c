package janitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/docker"
	"gauntlet/chaos/lease"
)

const (
	startTimeout  = 30 * time.Second // for a janitor to be started and told everything
	recordTimeout = 10 * time.Second // for one line to be answered
	retryPause    = time.Second      // between two tries to replace a janitor
	retries       = 5                // then the run goes on without one, until the next line
)

// DefaultLease is shorter than an agent's: to start or to make a container again takes up to a second, and a target shall be well
// two seconds after Gauntlet was last heard of. It is extended while the machine is overwhelmed: see lease.Overwhelmer.
const DefaultLease = time.Second

// Options say how a janitor is started.
type Options struct {
	// Command is Serve in the runtime's image, such as "/gauntlet", "janitor". Required.
	Command []string
	// Folder on this host gets the janitor's record, janitor.jsonl, if the engine can reach it; "" is none.
	Folder string
	// Lease is how long Gauntlet may be silent before the janitor acts; 0 is DefaultLease.
	Lease time.Duration
	// Say gets what the user should know, such as that a janitor died and was replaced; nil is nobody.
	Say func(string)
}

// line is the way to one janitor; *docker.Pipe in earnest.
type line interface {
	io.ReadWriteCloser
	LastWords() string
	Remove(ctx context.Context) error
}

// Guard is Gauntlet's end. It is safe for concurrent use.
type Guard struct {
	start func(ctx context.Context) (line, error)
	scope docker.Options // what the janitor heals
	opts  Options
	ctx   context.Context // over when the guard is closed
	stop  context.CancelFunc
	watch sync.WaitGroup

	mu     sync.Mutex
	open   []chaos.Intent // what a new janitor must be told
	client *lease.Client  // of the present janitor; nil if there is none
	pipe   line
	lost   []string
}

// Start starts a janitor for the runtime's project. chaos.ErrUnsupported: there can't be one, because the engine is not reached by a
// Unix socket, or no image or command was named; then `gauntlet heal` is what is left after a crash.
func Start(ctx context.Context, rt *docker.Runtime, o Options) (*Guard, error) {
	open := func(ctx context.Context) (line, error) { return rt.Janitor(ctx, o.Command, o.Folder) }
	return start(ctx, open, rt.Options(), o)
}

func start(ctx context.Context, open func(context.Context) (line, error), scope docker.Options, o Options) (*Guard, error) {
	g := &Guard{start: open, scope: scope, opts: o}
	g.ctx, g.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := g.hire(ctx); err != nil {
		g.stop()
		return nil, fmt.Errorf("janitor: %w", err)
	}
	g.watch.Go(g.stand)
	return g, nil
}

// hire starts a janitor and tells it what is open.
func (g *Guard) hire(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	pipe, err := g.start(ctx)
	if err != nil {
		return err
	}
	client, err := lease.Dial(ctx, pipe, cmp.Or(g.opts.Lease, DefaultLease))
	if err != nil {
		return errors.Join(fmt.Errorf("it said %q: %w", pipe.LastWords(), err), pipe.Remove(ctx))
	}
	err = client.Call(ctx, kindBegin, g.scope, nil)
	for _, in := range g.open {
		if err == nil {
			err = client.Call(ctx, kindRecord, chaos.JournalLine{Intent: &in}, nil)
		}
	}
	if err != nil {
		return errors.Join(err, client.Close(), pipe.Remove(ctx))
	}
	g.client, g.pipe = client, pipe
	return nil
}

// Record tells the janitor one line of the undo log, and returns when it has it: a chaos.Keep. A janitor that died is replaced
// first. On error nobody would undo what the line announces; lines that announce nothing never fail.
func (g *Guard) Record(l chaos.JournalLine) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = chaos.Replay(slices.Clone(g.open), l)
	ctx, cancel := context.WithTimeout(g.ctx, recordTimeout)
	defer cancel()
	if g.client != nil && g.client.Call(ctx, kindRecord, l, nil) == nil {
		return nil
	}
	if l.Intent == nil && l.Action == nil {
		return nil // the next janitor is told only what is open then
	}
	return g.replace()
}

// replace puts a new janitor in the place of a dead one, or of one that does not answer.
func (g *Guard) replace() error {
	if g.client != nil {
		why := context.Cause(g.client.Context())
		_ = g.client.Close()
		err := g.pipe.Remove(g.ctx)
		g.say(fmt.Sprintf("the janitor has ended (%v; its last words: %q); another one is started", errors.Join(why, err), g.pipe.LastWords()))
		g.client, g.pipe = nil, nil
	}
	if err := g.hire(g.ctx); err != nil {
		return fmt.Errorf("janitor: no new one could be started: %w", err)
	}
	return nil
}

func (g *Guard) say(text string) {
	g.lost = append(g.lost, text)
	if g.opts.Say != nil {
		g.opts.Say(text)
	}
}

// Lost says what happened to janitors that were replaced or could not be, oldest first.
func (g *Guard) Lost() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.lost)
}

// stand replaces janitors as they die, until the guard is closed.
func (g *Guard) stand() {
	for failed := 0; failed < retries; {
		g.mu.Lock()
		client := g.client
		g.mu.Unlock()
		if client != nil {
			select {
			case <-client.Context().Done():
			case <-g.ctx.Done():
				return
			}
		}
		if g.replaceIf(client) {
			failed = 0
			continue
		}
		failed++
		select {
		case <-time.After(retryPause):
		case <-g.ctx.Done():
			return
		}
	}
}

// replaceIf replaces this janitor, unless that was done already. It reports whether there is one now.
func (g *Guard) replaceIf(client *lease.Client) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ctx.Err() != nil || g.client != client {
		return g.client != nil
	}
	err := g.replace()
	if err != nil {
		g.say(err.Error())
	}
	return err == nil
}

// Close says goodbye and waits until the janitor has gone. If entries of the undo log are still open, it hangs up instead, so that the
// janitor tries to undo them once more, and does not wait for that.
func (g *Guard) Close() error {
	g.stop()
	g.watch.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	client := g.client
	g.client = nil
	switch {
	case client == nil:
		return nil
	case len(g.open) > 0:
		_ = client.Close() // the janitor takes longer than the line waits
		g.say(fmt.Sprintf("%d entries of the undo log are open: the janitor tries once more", len(g.open)))
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	err := client.Call(ctx, kindBye, nil, nil)
	return errors.Join(err, client.Close(), g.pipe.Remove(ctx))
}
