package outpost

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"gauntlet/loadgen"
)

// Place says how the system is reached from an outpost.
type Place struct {
	Base     string // URL, such as http://www.app.test
	Resolver string // name server, host:port; "": the system's
}

// Serve takes orders from whoever connects, each on a connection of its own, until ctx ends. A load ends with its connection.
func Serve(ctx context.Context, l net.Listener, at Place) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("outpost: %w", err)
		}
		all.Go(func() { at.serve(ctx, c) })
	}
}

// serve answers one connection. What goes wrong is told there; a connection that is gone needs no answer.
func (p Place) serve(ctx context.Context, c net.Conn) {
	defer c.Close()
	origin := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	in, out := json.NewDecoder(c), json.NewEncoder(c)
	for {
		var m message
		if err := in.Decode(&m); err != nil {
			return
		}
		if m.Ping {
			if err := out.Encode(message{At: time.Since(origin)}); err != nil {
				return
			}
			continue
		}
		if m.Order == nil {
			return
		}
		var watch sync.WaitGroup
		watch.Go(func() { // nothing more is to come: the end of the connection ends the load
			_ = in.Decode(&message{})
			cancel()
		})
		p.carryOut(ctx, c, *m.Order, origin)
		cancel()
		watch.Wait()
		return
	}
}

func (p Place) carryOut(ctx context.Context, c net.Conn, o Order, origin time.Time) {
	w := bufio.NewWriter(c)
	out := json.NewEncoder(w)
	o.Profile.Client.Resolver = p.Resolver
	t := loadgen.Target{
		Base: p.Base, Sessions: loadgen.SessionsOf(o.Tokens), Origin: origin, Start: o.Start, Length: o.Length,
		Regions: []loadgen.Region{{Name: o.Region, Share: 1}}, FirstID: o.FirstID, IDStep: o.IDStep,
	}
	rep, err := loadgen.Run(ctx, o.Profile, t, func(s loadgen.Sample) {
		err := out.Encode(message{Sample: &s})
		if err = errors.Join(err, w.Flush()); err != nil {
			c.Close()
		}
	})
	last := message{Report: &rep}
	if err != nil {
		last = message{Err: err.Error()}
	}
	if err := errors.Join(out.Encode(last), w.Flush()); err != nil {
		c.Close()
	}
}
