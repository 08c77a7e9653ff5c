package compose

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sources are the apt sources of Debian itself that this host has for the suite that images are made of: a mirror or a cache
// that this host needs is used inside too, and no third party's packages get in.
type sources struct {
	oneLine string // in the format of sources.list
	deb822  string // in that of *.sources
	mirror  string // the first address of the suite proper, for debootstrap, which takes only one
}

// hostSources reads the host's apt sources.
func hostSources(root string) (sources, error) {
	var s sources
	for _, pattern := range []string{"sources.list", "sources.list.d/*.list", "sources.list.d/*.sources"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return sources{}, err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return sources{}, err
			}
			s.add(string(text), filepath.Ext(name) == ".sources")
		}
	}
	if s.mirror == "" {
		return sources{}, fmt.Errorf("no apt source of this host has Debian %s; connect it to a registry once (docker pull %s), or load the image (docker load)", baseSuite, baseImage)
	}
	return s, nil
}

// add takes what is Debian's own from the text of one file.
func (s *sources) add(text string, deb822 bool) {
	if deb822 {
		for _, stanza := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
			if e, ok := parseStanza(stanza); ok && e.isDebian() {
				s.deb822 += strings.TrimSpace(stanza) + "\n\n"
				s.take(e)
			}
		}
		return
	}
	for line := range strings.Lines(text) {
		if e, ok := parseLine(line); ok && e.isDebian() {
			s.oneLine += strings.TrimSpace(line) + "\n"
			s.take(e)
		}
	}
}

func (s *sources) take(e entry) {
	if s.mirror == "" && slices.Contains(e.suites, baseSuite) {
		s.mirror = e.uri
	}
}

// write writes the sources into dir and returns the names of the files.
func (s sources) write(dir string) ([]string, error) {
	var names []string
	var errs []error
	for _, f := range []struct{ name, text string }{{"debian.list", s.oneLine}, {"debian.sources", s.deb822}} {
		if f.text == "" {
			continue
		}
		name := filepath.Join(dir, f.name)
		names = append(names, name)
		errs = append(errs, os.WriteFile(name, []byte(f.text), 0o644))
	}
	return names, errors.Join(errs...)
}

// entry is one apt source.
type entry struct {
	uri                string
	suites, components []string
	signedBy           string // a keyring, or "" for the system's
}

// isDebian says whether this is Debian's archive for the suite. Others use the same suite and even the same component, but
// bring a key of their own, which Debian's archive never needs.
func (e entry) isDebian() bool {
	if len(e.suites) == 0 || !slices.Contains(e.components, "main") {
		return false
	}
	for _, s := range e.suites {
		if !slices.Contains([]string{baseSuite, baseSuite + "-updates", baseSuite + "-security"}, s) {
			return false
		}
	}
	return e.signedBy == "" || strings.Contains(e.signedBy, "debian-archive-")
}

// parseLine reads "deb [option=value ...] URI suite component ...".
func parseLine(line string) (entry, bool) {
	line, _, _ = strings.Cut(line, "#")
	fields := strings.Fields(line)
	if len(fields) == 0 || fields[0] != "deb" {
		return entry{}, false
	}
	var e entry
	fields = fields[1:]
	if len(fields) > 0 && strings.HasPrefix(fields[0], "[") {
		end := slices.IndexFunc(fields, func(f string) bool { return strings.HasSuffix(f, "]") })
		if end < 0 {
			return entry{}, false
		}
		for _, option := range fields[:end+1] {
			if value, ok := strings.CutPrefix(strings.Trim(option, "[]"), "signed-by="); ok {
				e.signedBy = value
			}
		}
		fields = fields[end+1:]
	}
	if len(fields) < 3 {
		return entry{}, false
	}
	e.uri, e.suites, e.components = fields[0], fields[1:2], fields[2:]
	return e, true
}

// parseStanza reads one paragraph of "Key: value" lines; a line that begins with a blank goes on with the value.
func parseStanza(text string) (entry, bool) {
	values := map[string]string{}
	key := ""
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, " "), strings.HasPrefix(line, "\t"):
			values[key] += " " + strings.TrimSpace(line)
		default:
			k, v, _ := strings.Cut(line, ":")
			key = strings.ToLower(strings.TrimSpace(k))
			values[key] = strings.TrimSpace(v)
		}
	}
	uris := strings.Fields(values["uris"])
	if len(uris) == 0 || values["enabled"] == "no" || !slices.Contains(strings.Fields(values["types"]), "deb") {
		return entry{}, false
	}
	return entry{uri: uris[0], suites: strings.Fields(values["suites"]), components: strings.Fields(values["components"]), signedBy: values["signed-by"]}, true
}
