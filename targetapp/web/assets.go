package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"time"

	"gauntlet/targetapp/photo"
)

//go:embed static/style.css
var style []byte

// stylePath has the file's fingerprint in it: a new version has a new name, and this one may be cached for ever.
var stylePath = "/static/style." + fingerprint(style) + ".css"

func fingerprint(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

const (
	cacheControl = "Cache-Control"
	immutable    = "public, max-age=31536000, immutable"
)

// static serves the files that the page needs, by their current fingerprints only.
func (s *Server) static(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != stylePath {
		fail(w, http.StatusNotFound, "no such file; the page names the current one")
		return
	}
	serveForEver(w, r, stylePath, style)
}

func serveForEver(w http.ResponseWriter, r *http.Request, name string, b []byte) {
	w.Header().Set(cacheControl, immutable)
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}

// shared lets caches between here and the client keep what depends on the address only, for pageAge. What depends on the
// session is the session's.
func (s *Server) shared(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.pageAge <= 0:
	case r.Header.Get(seenHeader) != "" || r.Header.Get("Authorization") != "":
		w.Header().Set(cacheControl, "private, no-store")
	default:
		w.Header().Set(cacheControl, "public, max-age="+strconv.Itoa(int(s.pageAge/time.Second)))
	}
}

// addPhoto keeps an uploaded photo; its body is the file itself.
func (s *Server) addPhoto(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.user(w, r); !ok {
		return
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, photo.MaxBytes))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		fail(w, http.StatusRequestEntityTooLarge, photo.ErrFormat.Error())
		return
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "the photo did not arrive whole: "+err.Error())
		return
	}
	name, err := s.album.Add(b)
	if err == nil && s.jobs != nil { // the photo is there; if the job is not, the client uploads it again, to the same name
		err = s.jobs.AddJob(r.Context(), "photo", name)
	}
	switch {
	case errors.Is(err, photo.ErrFormat):
		fail(w, http.StatusBadRequest, err.Error())
	case err != nil:
		s.broken(w, r, 0, err)
	default:
		answer(w, http.StatusCreated, map[string]string{"photo": "/photos/" + name})
	}
}

func (s *Server) photo(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	b, err := s.album.Get(name)
	switch {
	case errors.Is(err, photo.ErrNone):
		fail(w, http.StatusNotFound, err.Error())
	case err != nil:
		s.broken(w, r, 0, err)
	default:
		serveForEver(w, r, name, b)
	}
}
