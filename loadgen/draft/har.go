package draft

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gauntlet/loadgen"
)

// harLimit bounds a recording in bytes.
const harLimit = 256 << 20

type harFile struct {
	Log struct {
		Entries []harEntry `json:"entries"`
	} `json:"log"`
}

type harEntry struct {
	Request struct {
		Method  string `json:"method"`
		URL     string `json:"url"`
		Headers []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"headers"`
		PostData struct {
			MimeType string `json:"mimeType"`
			Text     string `json:"text"`
		} `json:"postData"`
	} `json:"request"`
	Response struct {
		Content struct {
			MimeType string `json:"mimeType"`
		} `json:"content"`
	} `json:"response"`
}

// FromHAR makes a mix of the requests to the host that the recording has most of. Requests that differ only in the numbers of
// their paths are one operation; its weight is how many there were.
func FromHAR(r io.Reader) (Draft, error) {
	var file harFile
	if err := json.NewDecoder(io.LimitReader(r, harLimit)).Decode(&file); err != nil {
		return Draft{}, fmt.Errorf("%w: not a HAR file: %w", ErrDraft, err)
	}
	var d Draft
	d.Base = mainHost(file.Log.Entries)
	if d.Base == "" {
		return d, fmt.Errorf("%w: the HAR file has no HTTP requests", ErrDraft)
	}
	groups := map[string]*harGroup{}
	assets, foreign, deletes := 0, 0, 0
	for _, e := range file.Log.Entries {
		u, err := url.Parse(e.Request.URL)
		switch {
		case err != nil || origin(u) != d.Base:
			foreign++
		case e.Request.Method == "DELETE":
			deletes++
		case isAsset(u, e.Response.Content.MimeType):
			assets++
		default:
			group(groups, u, e)
		}
	}
	for _, g := range slices.SortedFunc(maps.Values(groups), func(a, b *harGroup) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.shape, b.shape))
	}) {
		g.addTo(&d)
	}
	for what, n := range map[string]int{"requests to other hosts": foreign, "images, scripts and styles": assets, "requests that delete": deletes} {
		if n > 0 {
			d.note("left out %s: %d", what, n)
		}
	}
	slices.Sort(d.Notes)
	if len(d.Ops) == 0 {
		return d, fmt.Errorf("%w: the HAR file has nothing but files and deletions", ErrDraft)
	}
	return d, nil
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// mainHost is the origin with the most requests, the first by name of equals.
func mainHost(entries []harEntry) string {
	count := map[string]int{}
	for _, e := range entries {
		if u, err := url.Parse(e.Request.URL); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
			count[origin(u)]++
		}
	}
	best := ""
	for _, host := range slices.Sorted(maps.Keys(count)) {
		if best == "" || count[host] > count[best] {
			best = host
		}
	}
	return best
}

var assetPath = regexp.MustCompile(`(?i)\.(js|mjs|css|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|map|mp4|webm)$`)

func isAsset(u *url.URL, mime string) bool {
	return assetPath.MatchString(u.Path) || strings.HasPrefix(mime, "image/") || strings.HasPrefix(mime, "font/") || strings.Contains(mime, "javascript") || strings.HasPrefix(mime, "text/css")
}

// harGroup is requests of one shape.
type harGroup struct {
	shape string // method and path with {} for numbers
	count int
	most  []uint64 // per number in the path, the largest seen
	first harEntry
	path  string // escaped, with {} for numbers, and the query of the first
}

var number = regexp.MustCompile(`/([0-9]{1,15})(/|$)`)

func group(groups map[string]*harGroup, u *url.URL, e harEntry) {
	segments := strings.Split(u.EscapedPath(), "/")
	var seen []uint64
	for i, s := range segments {
		if n, err := strconv.ParseUint(s, 10, 62); err == nil && number.MatchString("/"+s) {
			seen, segments[i] = append(seen, n), "{}"
		}
	}
	shape := e.Request.Method + " " + strings.Join(segments, "/")
	g := groups[shape]
	if g == nil {
		g = &harGroup{shape: shape, first: e, most: make([]uint64, len(seen)), path: strings.Join(segments, "/")}
		if g.path == "" {
			g.path = "/"
		}
		if u.RawQuery != "" {
			g.path += "?" + u.RawQuery
		}
		groups[shape] = g
	}
	g.count++
	for i, n := range seen {
		g.most[i] = max(g.most[i], n)
	}
}

// kept are the headers that say what is asked for. All others belong to the browser, to its connection or to a person.
var kept = []string{"accept", "accept-language", "content-type", "x-requested-with"}

func (g *harGroup) addTo(d *Draft) {
	path := g.path
	for _, n := range g.most {
		path = strings.Replace(path, "{}", fmt.Sprintf("{{rand %d}}", max(1, n)), 1)
	}
	r := loadgen.Request{Method: g.first.Request.Method, Path: path, Header: map[string]string{}, Body: g.first.Request.PostData.Text}
	for _, h := range g.first.Request.Headers {
		switch name := strings.ToLower(h.Name); {
		case slices.Contains(kept, name):
			r.Header[h.Name] = h.Value
		case name == "authorization" || name == "cookie":
			d.noteOnce("the recording's %s header is left out: give the load a login, or capture the value in a session", name)
		}
	}
	if mime := g.first.Request.PostData.MimeType; mime != "" && !hasHeader(r.Header, "Content-Type") {
		r.Header["Content-Type"] = mime // some recorders say it only here
	}
	d.add(strings.ReplaceAll(g.shape, "{}", "n"), float64(g.count), r)
}

func hasHeader(header map[string]string, name string) bool {
	for h := range header {
		if strings.EqualFold(h, name) {
			return true
		}
	}
	return false
}

func (d *Draft) noteOnce(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(d.Notes, s) {
		d.Notes = append(d.Notes, s)
	}
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
