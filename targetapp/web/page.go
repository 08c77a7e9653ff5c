package web

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed feed.html
var feedHTML string

var feedPage = template.Must(template.New("feed").Parse(feedHTML))

// page shows the feed to people.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	posts, at, err := s.store.Feed(r.Context(), 0)
	s.served(w, at.Node)
	if err != nil {
		s.broken(w, r, 0, err)
		return
	}
	var b bytes.Buffer
	if err := feedPage.Execute(&b, map[string]any{"Posts": s.withCounts(r, posts), "Style": stylePath, "Server": s.name, "Database": at.Node}); err != nil {
		s.broken(w, r, 0, err)
		return
	}
	s.shared(w, r)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes())
}
