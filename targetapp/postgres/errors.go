package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrNoEffect is in the chain of an error if the request certainly changed nothing.
	ErrNoEffect = errors.New("certainly without effect")
	// ErrNoNode says that no node can take the request now: no primary is known, or no node is fresh enough.
	ErrNoNode = errors.New("no database node can take the request")
	// ErrNotReplicated says that the primary committed, but gave up waiting for the synchronous standby: the write is
	// there now and may be gone after a failover.
	ErrNotReplicated = errors.New("committed on the primary only, not yet on its synchronous standby")
	// ErrNotFound says that there is no such row.
	ErrNotFound = errors.New("not found")
)

// meaning is what an error says about the request and about the node.
type meaning struct {
	noEffect bool // the statement certainly changed nothing
	suspect  bool // the node is dead or demoted, or seems so
	late     bool // the node did not answer in time, which its monitor sees as soon as we do: ask it, but don't judge
}

// SQLSTATEs that speak of the node, not of the statement.
const (
	readOnly     = "25006" // a write reached a replica
	adminStop    = "57P01"
	crashStop    = "57P02"
	cannotServe  = "57P03" // starting up, shutting down
	tooManyConns = "53300"
)

// explain reads a pgx error. A statement that runs alone is its own transaction: if the server reports an ERROR, it was
// rolled back. A FATAL one may come after the commit, when only the wait for the standby was cut off.
func explain(err error) meaning {
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.Is(err, ErrNotReplicated):
		return meaning{}
	case errors.Is(err, pgx.ErrNoRows), errors.Is(err, ErrNotFound), errors.Is(err, ErrNoNode), errors.Is(err, ErrMoved):
		return meaning{noEffect: true}
	case errors.As(err, &connect):
		late := outOfTime(err)
		return meaning{noEffect: true, suspect: !late && !fullHouse(err), late: late}
	case errors.As(err, &pg):
		return explainState(pg)
	case errors.Is(err, errAcquire):
		return meaning{noEffect: true, late: true}
	case outOfTime(err):
		return meaning{late: true} // a write may just wait for the standby, on a healthy primary
	case pgconn.SafeToRetry(err):
		return meaning{noEffect: true, suspect: true}
	}
	return meaning{suspect: true}
}

func explainState(pg *pgconn.PgError) meaning {
	switch pg.Code {
	case readOnly, cannotServe:
		return meaning{noEffect: true, suspect: true}
	case adminStop, crashStop:
		return meaning{suspect: true}
	}
	return meaning{noEffect: pg.SeverityUnlocalized == "ERROR" || pg.Code == tooManyConns}
}

func outOfTime(err error) bool {
	return pgconn.Timeout(err) || errors.Is(err, context.DeadlineExceeded)
}

// fullHouse: too many connections is load, not a sick node.
func fullHouse(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == tooManyConns
}

// errAcquire says that no connection came free in time, nor a new one ready.
var errAcquire = errors.New("all connections to the node are busy or being opened")

// gone says that the caller itself gave up; nothing follows from that about a node.
func gone(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }
