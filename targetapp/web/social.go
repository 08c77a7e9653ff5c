package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"gauntlet/targetapp/postgres"
)

// Social is what users do with each other's posts; postgres.Store has it.
type Social interface {
	AddComment(ctx context.Context, n postgres.NewComment) (int64, postgres.Where, error)
	Comments(ctx context.Context, seen postgres.LSN, post int64) ([]postgres.Comment, postgres.Where, error)
	SetLike(ctx context.Context, post, user int64, likes bool) (postgres.Where, error)
	Counts(ctx context.Context, seen postgres.LSN, posts []int64) (map[int64]postgres.Count, postgres.Where, error)
	Leaderboard(ctx context.Context, seen postgres.LSN) ([]postgres.Leader, postgres.Where, error)
}

const (
	maxComment   = 2000 // bytes
	defaultBoard = 10   // authors
)

// withSocial serves comments, likes and the leaderboard.
func (s *Server) withSocial(all Social) {
	s.social = all
	s.handle("GET /posts/{id}/comments", "comments", s.reads, s.comments)
	s.handle("POST /posts/{id}/comments", "add_comment", s.writes, s.addComment)
	s.handle("POST /posts/{id}/likes", "like", s.writes, func(w http.ResponseWriter, r *http.Request) { s.setLike(w, r, true) })
	s.handle("DELETE /posts/{id}/likes", "unlike", s.writes, func(w http.ResponseWriter, r *http.Request) { s.setLike(w, r, false) })
	s.handle("GET /leaderboard", "leaderboard", s.reads, s.leaderboard)
}

// postID is that of the path; it answers 400 itself if there is none.
func postID(w http.ResponseWriter, r *http.Request) (int64, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		fail(w, http.StatusBadRequest, "the id of a post is a number")
	}
	return id, err == nil
}

func (s *Server) comments(w http.ResponseWriter, r *http.Request) {
	post, ok := postID(w, r)
	if !ok {
		return
	}
	lsn, ok := seen(w, r)
	if !ok {
		return
	}
	all, at, err := s.social.Comments(r.Context(), lsn, post)
	s.served(w, at.Node)
	if err != nil {
		s.broken(w, r, 0, err)
		return
	}
	if all == nil {
		all = []postgres.Comment{}
	}
	s.shared(w, r)
	answer(w, http.StatusOK, map[string]any{"comments": all})
}

func (s *Server) addComment(w http.ResponseWriter, r *http.Request) {
	post, ok := postID(w, r)
	if !ok {
		return
	}
	user, ok := s.user(w, r)
	if !ok {
		return
	}
	var in struct{ Text string }
	if !decode(w, r, &in) {
		return
	}
	op, err := opID(r)
	if err == nil && (in.Text == "" || len(in.Text) > maxComment) {
		err = fmt.Errorf("a text of 1 to %d bytes is needed", maxComment)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	id, at, err := s.social.AddComment(r.Context(), postgres.NewComment{PostID: post, UserID: user, Text: in.Text, OpID: op})
	s.served(w, at.Node)
	if err != nil {
		s.broken(w, r, user, err)
		return
	}
	s.note(user, "comment", post)
	w.Header().Set(seenHeader, at.Seen.String())
	answer(w, http.StatusCreated, created{id, op})
}

func (s *Server) setLike(w http.ResponseWriter, r *http.Request, likes bool) {
	post, ok := postID(w, r)
	if !ok {
		return
	}
	user, ok := s.user(w, r)
	if !ok {
		return
	}
	at, err := s.social.SetLike(r.Context(), post, user, likes)
	s.served(w, at.Node)
	if err != nil {
		s.broken(w, r, user, err)
		return
	}
	action := "unlike"
	if likes {
		action = "like"
	}
	s.note(user, action, post)
	w.Header().Set(seenHeader, at.Seen.String())
	answer(w, http.StatusOK, map[string]bool{"liked": likes})
}

// leaderboard answers the top n authors, 10 unless the address says otherwise.
func (s *Server) leaderboard(w http.ResponseWriter, r *http.Request) {
	n := defaultBoard
	if text := r.URL.Query().Get("n"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > postgres.BoardSize {
			fail(w, http.StatusBadRequest, fmt.Sprintf("n is %q, want a whole number from 1 to %d", text, postgres.BoardSize))
			return
		}
	}
	lsn, ok := seen(w, r)
	if !ok {
		return
	}
	all, at, err := s.social.Leaderboard(r.Context(), lsn)
	s.served(w, at.Node)
	if err != nil {
		s.broken(w, r, 0, err)
		return
	}
	s.shared(w, r)
	answer(w, http.StatusOK, map[string]any{"authors": append([]postgres.Leader{}, all[:min(n, len(all))]...)})
}

// shownPost is a post as the page shows it.
type shownPost struct {
	postgres.Post
	postgres.Count
}

// withCounts adds what is known of likes and comments; a page without them is better than none.
func (s *Server) withCounts(r *http.Request, posts []postgres.Post) []shownPost {
	var counts map[int64]postgres.Count
	if s.social != nil && len(posts) > 0 {
		var ids []int64
		for _, p := range posts {
			ids = append(ids, p.ID)
		}
		var err error
		if counts, _, err = s.social.Counts(r.Context(), 0, ids); err != nil {
			s.logError(r, 0, http.StatusOK, err)
		}
	}
	out := make([]shownPost, len(posts))
	for i, p := range posts {
		out[i] = shownPost{p, counts[p.ID]}
	}
	return out
}
