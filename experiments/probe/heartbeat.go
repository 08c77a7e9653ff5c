package probe

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// The heartbeat is row 1 of table heartbeat(id, beat, at): beat is the offset in ns at which the writer sent it, at the
// same moment as wall time. The difference of the two names the run, so that a row of another run is not believed.
//
// The lag of a replica is the age of the newest heartbeat that it shows: the moment of asking minus beat. Its resolution
// is 100 ms plus the time to read: a replica that misses nothing shows 0 to 0.1 s plus the time of one commit, and
// nothing is subtracted for that.

// beatSilence is how old the last acknowledged heartbeat may be. Later the age of the heartbeat says nothing about
// replication any more, because no primary takes writes: HeartbeatAge stands in for ReplicationLag then.
const beatSilence = 500 * time.Millisecond

// pulse is the newest heartbeat that a primary acknowledged, as its beat; -1 if there was none yet.
type pulse struct{ beat atomic.Int64 }

func newPulse() *pulse {
	p := &pulse{}
	p.beat.Store(-1)
	return p
}

func (p *pulse) acked(beat time.Duration) {
	for {
		old := p.beat.Load()
		if int64(beat) <= old || p.beat.CompareAndSwap(old, int64(beat)) {
			return
		}
	}
}

func (p *pulse) last() (time.Duration, bool) {
	b := p.beat.Load()
	return time.Duration(b), b >= 0
}

// beatWriter writes the heartbeat on its node while that node is primary.
type beatWriter struct {
	*db
	*session
	node string
}

const beatSQL = `insert into heartbeat (id, beat, at) values (1, $1, $2) on conflict (id) do update set beat = excluded.beat, at = excluded.at`

var errUnacknowledged = errors.New("committed without the synchronous standby's acknowledgement")

func (a *beatWriter) ask(ctx context.Context) error {
	if a.board.role(a.node) != Primary {
		a.db.close()
		return errIdle
	}
	beat := a.session.clock.now()
	if err := a.exec(ctx, beatSQL, int64(beat), a.session.clock.origin.Add(beat)); err != nil {
		return err
	}
	if a.warned { // the server gave up waiting for the standby when statement_timeout passed, and says so by a warning only
		return errUnacknowledged
	}
	a.pulse.acked(beat)
	return nil
}

func (a *beatWriter) tell(span, error) {}

// beatReader reads the heartbeat on its node while that node is a replica.
type beatReader struct {
	*db
	*session
	node     string
	recovery bool
	beat     int64
	at       time.Time
}

const readSQL = `select pg_is_in_recovery(), beat, at from heartbeat where id = 1`

func (a *beatReader) ask(ctx context.Context) error {
	switch {
	case a.board.known(a.node) != Replica:
		a.db.close()
		return errIdle
	case a.conn == nil && a.board.role(a.node) == Unknown: // its role poller dials already
		return errors.New("the replica does not answer")
	}
	err := a.row(ctx, readSQL, nil, []any{&a.recovery, &a.beat, &a.at})
	if errors.Is(err, pgx.ErrNoRows) {
		return errors.New("the replica shows no heartbeat yet")
	}
	return err
}

func (a *beatReader) tell(s span, err error) {
	if errors.Is(err, errIdle) || (err == nil && !a.recovery) {
		return
	}
	pt := Point{Metric: ReplicationLag, Target: a.node, At: s.began, Took: s.took()}
	if err == nil {
		err = a.foreign(s.began)
	}
	if err != nil {
		pt.Err = err.Error()
		a.out.point(pt)
		return
	}
	if last, ok := a.pulse.last(); !ok || s.began-last > beatSilence {
		return // HeartbeatAge stands in
	}
	pt.Value = max(0, s.began-time.Duration(a.beat)).Seconds()
	a.out.point(pt)
}

// foreign says whether the row was written by another run.
func (a *beatReader) foreign(now time.Duration) error {
	origin := a.at.Add(-time.Duration(a.beat))
	if d := origin.Sub(a.session.clock.origin.Round(0)); d.Abs() < 10*time.Millisecond {
		return nil
	}
	return fmt.Errorf("the newest heartbeat is of another run, which began at %s", origin.UTC().Format(time.RFC3339Nano))
}

// ageAsker tells the heartbeat's age while no primary acknowledges.
type ageAsker struct{ *session }

func (a *ageAsker) ask(context.Context) error { return errIdle }

func (a *ageAsker) tell(s span, _ error) {
	pt := Point{Metric: HeartbeatAge, Target: a.cluster(), At: s.ended}
	switch last, ok := a.pulse.last(); {
	case !ok && s.ended < beatSilence:
		return
	case !ok:
		pt.Err = "no heartbeat was acknowledged yet"
	case s.ended-last <= beatSilence:
		return
	default:
		pt.Value = (s.ended - last).Seconds()
	}
	a.out.point(pt)
}

func (a *ageAsker) close() {}
