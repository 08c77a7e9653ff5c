package roles

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	postgresPrimary = "postgres-primary"
	postgresReplica = "postgres-replica"
)

func askPostgres(ctx context.Context, n node) ([]string, error) {
	conn, err := connectPostgres(ctx, n)
	if err != nil {
		return nil, err
	}
	defer closePostgres(conn)
	var recovers bool
	if err := conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&recovers); err != nil {
		return nil, err
	}
	if recovers {
		return []string{postgresReplica}, nil
	}
	return []string{postgresPrimary}, nil
}

// connectPostgres dials once: the driver would dial again after a time-out, to send a cancel request.
func connectPostgres(ctx context.Context, n node) (*pgx.Conn, error) {
	port := n.port("PGPORT", 5432)
	u := url.URL{
		Scheme: "postgres", Host: net.JoinHostPort(n.host(), fmt.Sprint(port)), RawQuery: "sslmode=disable&target_session_attrs=any",
		User: url.UserPassword(n.setting("user", "postgres", "POSTGRES_USER", "POSTGRESQL_USERNAME"),
			n.setting("password", "", "POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD")),
		Path: n.setting("database", "postgres", "POSTGRES_DB", "POSTGRESQL_DATABASE"),
	}
	cfg, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, errors.New("its name, password or database can't be used") // the driver's error may show the password
	}
	cfg.RuntimeParams["application_name"] = "gauntlet roles"
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	dialled := false
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		if dialled {
			return nil, errors.New("cancel requests are not sent")
		}
		dialled = true
		return n.dial(ctx, port)
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	var e *pgconn.PgError
	if errors.As(err, &e) && (e.Code[:2] == "28" || e.Code == "3D000") {
		return nil, fmt.Errorf("%w (the labels gauntlet.user, gauntlet.password and gauntlet.database say how to connect)", err)
	}
	return conn, err
}

func closePostgres(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	_ = conn.Close(ctx)
	<-conn.PgConn().CleanupDone()
}
