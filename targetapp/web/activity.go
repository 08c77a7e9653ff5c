package web

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"gauntlet/targetapp/activity"
)

// Activity is the log of this node's region; activity.Log is one.
type Activity interface {
	Append(ctx context.Context, n activity.New) (id string, err error)
	Newest(ctx context.Context, n int) ([]activity.Entry, error)
	Digest(ctx context.Context) (activity.Digest, error)
	Region() string
}

// Noter takes what was done for the log, and never blocks; activity.Recorder is one.
type Noter interface {
	Note(user int64, action, ref string)
}

const (
	defaultEntries = 50
	maxEntries     = 500
	digestLimit    = 4 * time.Second // below the server's limit for an answer
)

// actionName is what clients may call their actions.
var actionName = regexp.MustCompile(`^[a-z][a-z_-]{0,31}$`)

const maxRef = 100 // bytes

// withActivity serves the log of this region. It needs no database: also a region that is cut off from the primary writes and reads its log.
func (s *Server) withActivity(log Activity, noter Noter) {
	s.noter = noter
	s.handle("POST /activity", "add_activity", s.writes, func(w http.ResponseWriter, r *http.Request) { s.addActivity(w, r, log) })
	s.handle("GET /activity", "activity", s.reads, func(w http.ResponseWriter, r *http.Request) { s.activity(w, r, log) })
	s.handle("GET /activity/digest", "activity_digest", newGate(1), func(w http.ResponseWriter, r *http.Request) { s.digest(w, r, log) })
}

// note keeps for the log that a user did something to what has the id ref, 0 if to nothing.
func (s *Server) note(user int64, action string, ref int64) {
	if s.noter == nil {
		return
	}
	text := ""
	if ref != 0 {
		text = strconv.FormatInt(ref, 10)
	}
	s.noter.Note(user, action, text)
}

// addActivity appends what a client saw its user do. It is acknowledged when this region's store has it.
func (s *Server) addActivity(w http.ResponseWriter, r *http.Request, log Activity) {
	user, ok := s.user(w, r)
	if !ok {
		return
	}
	var in struct{ Action, Ref string }
	if !decode(w, r, &in) {
		return
	}
	op, err := opID(r)
	if err == nil && (!actionName.MatchString(in.Action) || len(in.Ref) > maxRef) {
		err = fmt.Errorf("an action of 1 to 32 small letters and a ref of up to %d bytes are needed", maxRef)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	n := activity.New{Op: rand.Text(), At: time.Now().UTC(), User: user, Action: in.Action, Ref: in.Ref}
	if op != nil {
		n.Op = fmt.Sprintf("%d:%d", user, *op)
	}
	id, err := log.Append(r.Context(), n)
	if err != nil {
		s.logError(r, user, http.StatusGatewayTimeout, err)
		fail(w, http.StatusGatewayTimeout, "no confirmation in time; the entry may be in the log: send it again with the same X-Op-Id")
		return
	}
	answer(w, http.StatusCreated, map[string]string{"id": id})
}

// activity answers the newest n entries that this region knows of, 50 unless the address says otherwise.
func (s *Server) activity(w http.ResponseWriter, r *http.Request, log Activity) {
	n := defaultEntries
	if text := r.URL.Query().Get("n"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > maxEntries {
			fail(w, http.StatusBadRequest, fmt.Sprintf("n is %q, want a whole number from 1 to %d", text, maxEntries))
			return
		}
	}
	all, err := log.Newest(r.Context(), n)
	if err != nil {
		s.noLog(w, r, err)
		return
	}
	w.Header().Set(cacheControl, "no-store")
	answer(w, http.StatusOK, map[string]any{"region": log.Region(), "entries": all})
}

// digest answers what this region's log holds, for comparison with another's.
func (s *Server) digest(w http.ResponseWriter, r *http.Request, log Activity) {
	ctx, cancel := context.WithTimeout(r.Context(), digestLimit)
	defer cancel()
	d, err := log.Digest(ctx)
	if err != nil {
		s.noLog(w, r, err)
		return
	}
	w.Header().Set(cacheControl, "no-store")
	answer(w, http.StatusOK, d)
}

// noLog answers a read that this region's store could not serve.
func (s *Server) noLog(w http.ResponseWriter, r *http.Request, err error) {
	noEffect(w)
	s.logError(r, 0, http.StatusServiceUnavailable, err)
	fail(w, http.StatusServiceUnavailable, "this region's activity log cannot be read now")
}
