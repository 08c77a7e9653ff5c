package probe

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unknown is a state that nobody answered for.
const Unknown = "?"

// tracker notices when a state changes.
type tracker struct {
	what, target string
	state        string        // "" with seen false: not asked yet
	seen         bool          //
	from         time.Duration // start of the last poll that saw state
}

// see takes what a poll saw. The change, if it is one, surely happened between the start of the last poll that saw the
// old state and the end of this one. The first state of all is told as a change from Unknown since offset 0.
func (t *tracker) see(state string, s span) (Change, bool) {
	old, since := t.state, t.from
	if !t.seen {
		old = Unknown
	}
	changed := !t.seen || state != old
	t.state, t.seen, t.from = state, true, s.began
	if !changed || (old == Unknown && state == Unknown) {
		return Change{}, false
	}
	return Change{What: t.what, Target: t.target, From: old, To: state, After: since, At: s.ended}, true
}

// watched is a tracker that emits.
type watched struct {
	tracker
	out *emitter
}

func watchFor(out *emitter, what, target string) watched {
	return watched{tracker{what: what, target: target}, out}
}

func (w *watched) saw(state string, s span) {
	if c, ok := w.see(state, s); ok {
		w.out.change(c)
	}
}

// health emits Answers points of one node: at each transition and every 250 ms.
type health struct {
	target string
	out    *emitter
	was    string // kind of the last answer
	next   time.Duration
}

func (h *health) saw(err error, s span) {
	pt := Point{Metric: Answers, Target: h.target, At: s.ended, Took: s.took()}
	kind := "answers"
	switch {
	case err == nil:
		pt.Value = 1
	case refused(err):
		kind = "refuses"
	default:
		kind, pt.Err = "silent", err.Error()
	}
	if kind == h.was && s.ended < h.next {
		return
	}
	h.was, h.next = kind, s.ended+slowEvery
	h.out.point(pt)
}

// errRefused marks an answer that says: I can't serve you.
var errRefused = errors.New("refused")

// refused says that somebody actively said no: nobody listens, the connection was cut, or the server itself declined.
// A time-out is not that: nothing is known then.
func refused(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	for _, no := range []error{errRefused, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, no) {
			return true
		}
	}
	var said *pgconn.PgError
	return errors.As(err, &said)
}
