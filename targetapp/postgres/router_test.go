package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// open returns a router to two nodes that are never asked: the tests speak for them.
func open(t *testing.T) *Router {
	t.Helper()
	r, err := Open([]Member{{Name: "a", Addr: "127.0.0.1:1"}, {Name: "b", Addr: "127.0.0.1:1"}}, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

var origin = time.Unix(1000, 0)

func at(ms int) time.Time { return origin.Add(time.Duration(ms) * time.Millisecond) }

func asPrimary(ms int, timeline int64, lsn LSN) finding {
	return finding{asked: at(ms), timeline: timeline, lsn: lsn}
}

func asReplica(ms int, lsn LSN, streaming bool) finding {
	return finding{asked: at(ms), recovery: true, lsn: lsn, streaming: streaming, allSeen: streaming}
}

func wantRoute(t *testing.T, r *Router, when string, want Route) {
	t.Helper()
	if got := r.Route(); !same(got, want) {
		t.Errorf("%s: route %+v, want %+v", when, got, want)
	}
}

func TestRouterFailover(t *testing.T) {
	r := open(t)
	r.tell(0, asPrimary(0, 1, 50))
	r.tell(1, asReplica(10, 50, true))
	wantRoute(t, r, "healthy", route(1, "a", []string{"b"}, nil, nil))
	_, _, changed := r.now()
	r.tell(0, finding{asked: at(100), err: context.DeadlineExceeded})
	wantRoute(t, r, "primary missed one deadline", route(1, "", []string{"b"}, nil, []string{"a"}))
	select {
	case <-changed:
	default:
		t.Error("who waits for a change was not told")
	}
	r.tell(1, asReplica(110, 50, true))
	wantRoute(t, r, "without primary", route(1, "", []string{"b"}, nil, []string{"a"}))
	r.tell(1, asPrimary(200, 2, 60))
	wantRoute(t, r, "promoted", route(2, "b", nil, nil, []string{"a"}))
	r.tell(0, asPrimary(300, 1, 70))
	wantRoute(t, r, "old primary thaws", route(2, "b", nil, nil, []string{"a"}))
	r.tell(0, asReplica(400, 70, false))
	wantRoute(t, r, "old primary is a replica, not connected", route(2, "b", nil, []string{"a"}, nil))
	r.tell(0, asReplica(500, 60, true))
	wantRoute(t, r, "old primary follows", route(2, "b", []string{"a"}, nil, nil))
}

// Late answers cost a node its connections only after long silence, proof of death at once, whatever came before it, and once.
func TestRouterDropsConnections(t *testing.T) {
	late := finding{err: errLate}
	dead := finding{err: io.ErrUnexpectedEOF}
	for name, c := range map[string]struct {
		told []finding
		left bool
	}{
		"late twice":             {[]finding{late, late}, false},
		"dead":                   {[]finding{dead}, true},
		"late, then dead":        {[]finding{late, late, late, dead}, true},
		"silent for long":        {slices.Repeat([]finding{late}, missesGone), true},
		"dead, then alive again": {[]finding{dead, asPrimary(0, 1, 50)}, false},
	} {
		r := open(t)
		for _, f := range c.told {
			r.tell(0, f)
		}
		if r.past[0].left != c.left {
			t.Errorf("%s: connections dropped %v, want %v", name, r.past[0].left, c.left)
		}
	}
}

func TestRouterSuspect(t *testing.T) {
	r := open(t)
	now := time.Now()
	r.tell(0, finding{asked: now, timeline: 1, lsn: 1})
	r.suspect(r.nodes[0], io.ErrUnexpectedEOF)
	wantRoute(t, r, "suspect", route(1, "", nil, nil, []string{"a", "b"}))
	r.tell(0, finding{asked: now, timeline: 1, lsn: 1})
	wantRoute(t, r, "an answer from before", route(1, "", nil, nil, []string{"a", "b"}))
	r.tell(0, finding{asked: time.Now(), timeline: 1, lsn: 1})
	wantRoute(t, r, "an answer from after", route(1, "a", nil, nil, []string{"b"}))
	if len(r.nodes[0].kick) != 1 {
		t.Error("no check was asked for")
	}
}

func TestRouterReplicaLosesConnection(t *testing.T) {
	r := open(t)
	r.tell(0, asPrimary(0, 1, 50))
	for _, c := range []struct {
		ms   int
		lsn  LSN
		on   bool
		want bool // serves reads
	}{
		{10, 50, false, false}, // never seen connected
		{100, 50, true, true},
		{900, 50, false, true}, // the primary may have just died
		{1200, 50, false, false},
		{1300, 50, true, true},
		{1400, 49, true, true},
	} {
		r.tell(1, asReplica(c.ms, c.lsn, c.on))
		if got := len(r.Route().Replicas) == 1; c.lsn == 50 && got != c.want {
			t.Errorf("at %d ms: serves reads %v, want %v", c.ms, got, c.want)
		}
	}
}

func TestExplain(t *testing.T) {
	state := func(severity, code string) error {
		return &pgconn.PgError{SeverityUnlocalized: severity, Code: code}
	}
	for _, c := range []struct {
		name string
		err  error
		want meaning
	}{
		{"read-only", state("ERROR", readOnly), meaning{noEffect: true, suspect: true}},
		{"starting", state("FATAL", cannotServe), meaning{noEffect: true, suspect: true}},
		{"stopping", state("FATAL", adminStop), meaning{suspect: true}},
		{"crashed neighbour", state("FATAL", crashStop), meaning{suspect: true}},
		{"rolled back", state("ERROR", "23505"), meaning{noEffect: true}},
		{"cut off", state("FATAL", "XX000"), meaning{}},
		{"broken off", io.ErrUnexpectedEOF, meaning{suspect: true}},
		{"reset", syscall.ECONNRESET, meaning{suspect: true}},
		{"late", context.DeadlineExceeded, meaning{late: true}},
		{"no connection free", fmt.Errorf("%w: %w", errAcquire, context.DeadlineExceeded), meaning{noEffect: true, late: true}},
		{"not replicated", fmt.Errorf("a: %w", ErrNotReplicated), meaning{}},
		{"no row", pgx.ErrNoRows, meaning{noEffect: true}},
	} {
		if got := explain(fmt.Errorf("wrapped: %w", c.err)); got != c.want {
			t.Errorf("%s: explain = %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestConnectErrors uses sockets: one that refuses, one that accepts and says nothing, as a frozen node does.
func TestConnectErrors(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for _, c := range []struct {
		name, addr string
		want       meaning
	}{
		{"refused", "127.0.0.1:1", meaning{noEffect: true, suspect: true}},
		{"mute", mute.Addr().String(), meaning{noEffect: true, late: true}},
	} {
		n, err := newNode(Member{Name: "n", Addr: c.addr}, "test")
		if err != nil {
			t.Fatal(err)
		}
		_, err = do(t.Context(), n, false, func(context.Context, *pgxpool.Conn) (none, error) { return none{}, nil })
		if got := explain(err); err == nil || got != c.want {
			t.Errorf("%s: %v: explain = %+v, want %+v", c.name, err, got, c.want)
		}
		n.pool.Close()
	}
}

func TestNobody(t *testing.T) {
	r := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err := write[none](ctx, r, true, nil)
	if !errors.Is(err, ErrNoNode) || !errors.Is(err, ErrNoEffect) {
		t.Errorf("write without a primary: %v, want ErrNoNode and ErrNoEffect", err)
	}
	_, _, err = read[none](ctx, r, 0, nil)
	if !errors.Is(err, ErrNoNode) || !errors.Is(err, ErrNoEffect) {
		t.Errorf("read without nodes: %v, want ErrNoNode and ErrNoEffect", err)
	}
}
