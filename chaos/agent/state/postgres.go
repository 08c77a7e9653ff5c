package state

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"gauntlet/chaos"
)

// askerName is the application name of connections that only ask.
const askerName = "gauntlet"

// holderName is the application name of the connections that hold something for id, so that any process finds them. The
// server cuts names after 63 bytes.
func holderName(kind, id string) string {
	name := "gauntlet " + kind + " " + id
	plain := strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) < 0
	if plain && len(name) <= 63 {
		return name
	}
	sum := sha256.Sum256([]byte(id))
	return "gauntlet " + kind + " " + hex.EncodeToString(sum[:8])
}

// pgConfig describes connections to the target's own PostgreSQL.
func pgConfig(s chaos.StateChange, name string) (*pgx.ConnConfig, error) {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(s.User, s.Password), Host: address(s), Path: s.Database,
		RawQuery: "sslmode=disable&target_session_attrs=any",
	}
	cfg, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, final{err}
	}
	cfg.RuntimeParams["application_name"] = name
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	return cfg, nil
}

func address(s chaos.StateChange) string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// pgConnect makes one connection.
func pgConnect(ctx context.Context, s chaos.StateChange, name string) (*pgx.Conn, error) {
	cfg, err := pgConfig(s, name)
	if err != nil {
		return nil, err
	}
	cfg.DialFunc = dialOnce()
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return pgx.ConnectConfig(ctx, cfg)
}

// dialOnce dials for the connection itself and not again: after each time-out the driver would dial to send a cancel request.
func dialOnce() pgconn.DialFunc {
	dialled := false
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dialled {
			return nil, errors.New("cancel requests are not sent")
		}
		dialled = true
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
}

// pgClose closes a connection, which ends its transaction, and waits until the driver has let go of it.
func pgClose(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	_ = conn.Close(ctx)
	<-conn.PgConn().CleanupDone()
}

// pgRow asks for one row.
func pgRow(ctx context.Context, conn *pgx.Conn, sql string, args, into []any) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return conn.QueryRow(ctx, sql, args...).Scan(into...)
}

func pgExec(ctx context.Context, conn *pgx.Conn, limit time.Duration, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := conn.Exec(ctx, sql)
	return err
}

// pgAsk asks for one row on a connection of its own.
func pgAsk(ctx context.Context, s chaos.StateChange, sql string, args, into []any) error {
	conn, err := pgConnect(ctx, s, askerName)
	if err != nil {
		return err
	}
	defer pgClose(conn)
	return pgRow(ctx, conn, sql, args, into)
}

// pgCode is the server's SQLSTATE, "" if it gave none.
func pgCode(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// SQLSTATE codes that are told apart.
const (
	tooManyConnections = "53300" // of all, of a role or of a database
	cannotConnectNow   = "57P03" // it starts or shuts down
	protocolViolation  = "08P01" // what PgBouncer refuses with
	lockNotAvailable   = "55P03" // lock_timeout has passed
)

// pgRefuses says whether the server, or a pooler before it, takes no more connections.
func pgRefuses(err error) bool {
	code := pgCode(err)
	return code == tooManyConnections || code == protocolViolation && strings.Contains(err.Error(), "no more connections allowed")
}

// down says whether the server is not there, so that it holds no session and no memory of any.
func down(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || pgCode(err) == cannotConnectNow
}

// endSQL ends the sessions of one application name and counts those that were there.
const endSQL = `select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1 and pid <> pg_backend_pid()`

// pgEnd ends the sessions that hold something under name, whichever process made them, and waits until none is left.
// A new connection has then been made.
func pgEnd(ctx context.Context, s chaos.StateChange, name string) error {
	err := until(ctx, proveLimit, func(ctx context.Context) error {
		left := 0
		err := pgAsk(ctx, s, endSQL, []any{name}, []any{&left})
		if err == nil && left > 0 {
			return fmt.Errorf("%d sessions %q are still there", left, name)
		}
		if down(err) {
			return final{err}
		}
		return err
	})
	if down(err) {
		return nil
	}
	return err
}
