package probe

import (
	"context"
	"errors"
	"net"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Times of a database connection. A node that refuses is dialled again soon; one that hangs is dialled rarely, because
// each dial waits inside it and would be served, in vain, all at once when it wakes.
const (
	dbLimit     = 500 * time.Millisecond // connecting and asking together
	refusedWait = 100 * time.Millisecond
	hungWaitMin = 250 * time.Millisecond
	hungWaitMax = time.Second
)

// db is one poller's connection to one PostgreSQL node, made again when it breaks.
type db struct {
	cfg    *pgx.ConnConfig
	clock  clock
	conn   *pgx.Conn // nil: none
	raw    net.Conn
	err    error         // why there is none
	retry  time.Duration // no new dial before
	wait   time.Duration // that the last hung dial earned
	warned bool          // the server sent a warning during the last statement
}

// newDB prepares a connection; params are session settings.
func newDB(w Watch, c clock, e Endpoint, params map[string]string) (*db, error) {
	addr, err := e.addr(5432)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(w.User, w.Password), Host: addr, Path: w.Database,
		RawQuery: "sslmode=disable&target_session_attrs=any&application_name=gauntlet-probe"}
	cfg, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, errors.Join(ErrEndpoint, err)
	}
	for k, v := range params {
		cfg.RuntimeParams[k] = v
	}
	return &db{cfg: cfg, clock: c}, nil
}

// row asks for one row on the connection, making it first if there is none.
func (d *db) row(ctx context.Context, sql string, args, into []any) error {
	if err := d.open(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	d.warned = false
	err := d.conn.QueryRow(ctx, sql, args...).Scan(into...)
	d.check(err)
	return err
}

// exec runs a statement on the connection, making it first if there is none.
func (d *db) exec(ctx context.Context, sql string, args ...any) error {
	if err := d.open(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	d.warned = false
	_, err := d.conn.Exec(ctx, sql, args...)
	d.check(err)
	return err
}

func (d *db) open(ctx context.Context) error {
	if d.conn != nil {
		return nil
	}
	if d.clock.now() < d.retry {
		return d.err
	}
	cfg := d.cfg.Copy()
	cfg.DialFunc = d.dialOnce()
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { d.warned = d.warned || n.SeverityUnlocalized == "WARNING" }
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		d.broke(err)
		return err
	}
	d.conn, d.wait = conn, 0
	return nil
}

// dialOnce dials for the connection itself and refuses to dial again. The driver would do so after each time-out, to
// send a cancel request: one more connection that a hanging node has to serve when it wakes.
func (d *db) dialOnce() pgconn.DialFunc {
	dialled := false
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dialled {
			return nil, errors.New("cancel requests are not sent")
		}
		dialled = true
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		d.raw = c
		return c, err
	}
}

// check drops the connection if the statement's error broke it.
func (d *db) check(err error) {
	if err == nil || !d.conn.IsClosed() {
		return
	}
	d.drop()
	d.broke(err)
}

// broke sets when to dial again.
func (d *db) broke(err error) {
	d.err = err
	if refused(err) {
		d.retry = d.clock.now() + refusedWait
		return
	}
	d.wait = min(max(2*d.wait, hungWaitMin), hungWaitMax)
	d.retry = d.clock.now() + d.wait
}

// drop closes the socket without ceremony and waits until the driver has let go of it.
func (d *db) drop() {
	if d.conn == nil {
		return
	}
	d.raw.Close()
	d.close()
}

func (d *db) close() {
	if d.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	d.conn.Close(ctx)
	d.raw.Close()
	<-d.conn.PgConn().CleanupDone()
	d.conn = nil
}
