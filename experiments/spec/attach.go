package spec

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"gauntlet/compose"
)

// Attach is a system of the user's own instead of a topology of ours. Exactly one of Project and Files is set.
type Attach struct {
	Project string   // a Compose project that runs already and is left running
	Files   []string // Compose files that are started for the run and taken down after it; relative to the experiment file
	Entry   string   // where clients reach it: service:port as published, or a URL on this machine
	line    int
}

var attachKeys = []string{"project", "files", "entry"}

var servicePort = regexp.MustCompile(`^[a-zA-Z0-9._-]+:[0-9]{1,5}$`)

// attach reads a topology that is a mapping.
func (p *problems) attach(n *yaml.Node, e string) (*Attach, string) {
	w := p.object(n, "topology", attachKeys...)
	a := &Attach{Project: p.text(w, "project")}
	for _, f := range p.words(w, "files") {
		if !filepath.IsAbs(f) {
			f = filepath.Join(filepath.Dir(p.file), f)
		}
		a.Files = append(a.Files, f)
	}
	switch {
	case w.broken:
	case (a.Project != "") == (len(a.Files) > 0):
		p.at(n, "write {project: myapp, entry: \"web:80\"} for one that runs, or {files: [compose.yaml], entry: \"web:80\"}", "topology needs either project or files")
	}
	a.Entry = p.required(w, "entry", "say where clients reach it, such as entry: \"web:80\"")
	p.entryFits(w, a.Entry)
	a.line = n.Line
	return a, a.name(e)
}

// readFiles keeps the rule files' texts, so that a run uses what was checked. It is an error if a Compose file is not there, or a
// rule file is not there or wrong. Parsing does not look: a recording is read where they are not.
func (e *Experiment) readFiles() error {
	files, _, err := e.AlertRules()
	e.rules = map[string]string{}
	for _, f := range files {
		e.rules[f.Name] = f.Text
	}
	if e.Attach == nil {
		return err
	}
	p := &problems{file: e.File}
	for _, f := range e.Attach.Files {
		if _, err := os.Stat(f); err != nil {
			p.at(&yaml.Node{Line: e.Attach.line}, "write the path from this file's folder", "Compose file %s can't be read: %v", f, err)
		}
	}
	return errors.Join(err, p.err())
}

func (p *problems) entryFits(w object, entry string) {
	if entry == "" || servicePort.MatchString(entry) {
		return
	}
	u, err := url.Parse(entry)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		p.at(w.where("entry"), "write service:port, such as web:80, or http://127.0.0.1:8080", "entry: %q is neither", entry)
	} else if host := u.Hostname(); host != "localhost" && host != "127.0.0.1" && host != "::1" {
		p.at(w.where("entry"), "load goes to this machine only: write http://127.0.0.1:PORT", "entry: %s is another machine", host)
	}
}

// name is the attached system's name: that of its project, or of the experiment whose files it is.
func (a Attach) name(experiment string) string {
	if a.Project != "" {
		return a.Project
	}
	return strings.TrimPrefix(compose.UserProject(experiment), "gauntlet-")
}

// ProjectName is the Compose project.
func (e Experiment) ProjectName() string {
	if e.Attach.Project != "" {
		return e.Attach.Project
	}
	return compose.UserProject(e.Name)
}
