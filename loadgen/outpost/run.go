package outpost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"gauntlet/loadgen"
)

const (
	dialLimit = 2 * time.Second
	pingLimit = 5 * time.Second // for all comparisons of the clocks
	pings     = 20
	lastLimit = 10 * time.Second // for the rest to come, after the last request's deadline
)

// ErrLost says that an outpost was lost before it had sent all that it was to: what its clients met is not known.
var ErrLost = errors.New("the outpost was lost")

// Post is a connection to an outpost whose clock was compared.
type Post struct {
	conn   net.Conn
	in     *json.Decoder
	out    *json.Encoder
	origin time.Time     // of the run
	offset time.Duration // to add to its times
	Within time.Duration // how far off its times may be at most
}

// Dial connects to the outpost at addr and compares its clock with that of a run that began at origin. Close the post after use.
func Dial(ctx context.Context, addr string, origin time.Time) (*Post, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("outpost: %w", err)
	}
	p := &Post{conn: c, in: json.NewDecoder(c), out: json.NewEncoder(c), origin: origin}
	if err := p.compare(); err != nil {
		return nil, errors.Join(fmt.Errorf("outpost %s: %w", addr, err), c.Close())
	}
	return p, nil
}

// compare takes the comparison with the shortest way there and back.
func (p *Post) compare() error {
	if err := p.conn.SetDeadline(time.Now().Add(pingLimit)); err != nil {
		return err
	}
	best := time.Duration(-1)
	for range pings {
		asked := time.Since(p.origin)
		var m message
		if err := errors.Join(p.out.Encode(message{Ping: true}), p.in.Decode(&m)); err != nil {
			return err
		}
		way := time.Since(p.origin) - asked
		if best < 0 || way < best {
			best, p.offset, p.Within = way, asked+way/2-m.At, way/2
		}
	}
	return p.conn.SetDeadline(time.Time{})
}

// Close ends the connection, and the load if one runs.
func (p *Post) Close() error { return p.conn.Close() }

// Run has the outpost carry the order out and calls emit for each sample, in the time of the run, as it comes. When ctx ends the load
// ends, and what it would have told is lost: the context's error. It fails with ErrLost if the outpost is lost.
func (p *Post) Run(ctx context.Context, o Order, emit func(loadgen.Sample)) (loadgen.Report, error) {
	stop := context.AfterFunc(ctx, func() { p.conn.Close() })
	defer stop()
	end := p.origin.Add(o.Start + o.Length + o.Profile.Timeout + lastLimit)
	if err := p.conn.SetDeadline(end); err != nil {
		return loadgen.Report{}, err
	}
	o.Start -= p.offset
	if err := p.out.Encode(message{Order: &o}); err != nil {
		return loadgen.Report{}, p.lost(ctx, err)
	}
	for {
		var m message
		if err := p.in.Decode(&m); err != nil {
			return loadgen.Report{}, p.lost(ctx, err)
		}
		switch {
		case m.Sample != nil:
			s := *m.Sample
			s.Due, s.Sent, s.End = s.Due+p.offset, s.Sent+p.offset, s.End+p.offset
			emit(s)
		case m.Report != nil:
			return *m.Report, nil
		default:
			return loadgen.Report{}, fmt.Errorf("outpost: %s", m.Err)
		}
	}
}

func (p *Post) lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}
