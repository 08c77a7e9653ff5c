package draft

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/loadgen"
)

var update = flag.Bool("update", false, "write the expected drafts anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != string(want) {
		t.Errorf("%s differs (-update writes it anew), %v:\n%s", file, err, got)
	}
}

// runs says whether a draft is a load as it stands.
func runs(t *testing.T, d Draft) {
	t.Helper()
	p := loadgen.Profile{Rate: 10, Timeout: time.Second, Connections: 1, Ops: d.Ops}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
}

func TestFromOpenAPI(t *testing.T) {
	for _, name := range []string{"openapi", "swagger"} {
		text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		d, err := FromOpenAPI(doc)
		if err != nil {
			t.Fatal(err)
		}
		runs(t, d)
		golden(t, name+".yaml", d.YAML())
		for _, op := range d.Ops {
			body := strings.NewReplacer("{{rand 100}}", "1", "{{rand 1000}}", "1").Replace(op.Request.Body)
			if body != "" && !json.Valid([]byte(body)) {
				t.Errorf("%s: the body is not JSON: %s", op.Name, op.Request.Body)
			}
		}
	}
}

func TestFromHAR(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "browser.har"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := FromHAR(f)
	if err != nil {
		t.Fatal(err)
	}
	runs(t, d)
	yaml := d.YAML()
	golden(t, "browser.yaml", yaml)
	if strings.Contains(yaml, "s3cret") {
		t.Error("the draft has a secret of the recording")
	}
}

// A recorder may say what a body is only beside it.
func TestHARBodyType(t *testing.T) {
	for header, want := range map[string]string{"": "text/csv", `{"name":"content-type","value":"text/plain"}`: "text/plain"} {
		d, err := FromHAR(strings.NewReader(`{"log":{"entries":[{"request":{"method":"POST","url":"http://x/a","headers":[` + header + `],"postData":{"mimeType":"text/csv","text":"a,b"}}}]}}`))
		if err != nil {
			t.Fatal(err)
		}
		if h := d.Ops[0].Request.Header; len(h) != 1 || h["Content-Type"]+h["content-type"] != want {
			t.Errorf("headers %v, want the type %s once", h, want)
		}
	}
}

func TestNothingToDraft(t *testing.T) {
	for _, doc := range []any{nil, "x", map[string]any{}, map[string]any{"openapi": "3.0.0"},
		map[string]any{"openapi": "3.0.0", "paths": map[string]any{"/x": map[string]any{"delete": map[string]any{}}}}} {
		if _, err := FromOpenAPI(doc); !errors.Is(err, ErrDraft) {
			t.Errorf("%v: error %v, want ErrDraft", doc, err)
		}
	}
	for _, text := range []string{"", "{}", `{"log":{"entries":[{"request":{"method":"DELETE","url":"http://x/1"}}]}}`} {
		if _, err := FromHAR(strings.NewReader(text)); !errors.Is(err, ErrDraft) {
			t.Errorf("%q: error %v, want ErrDraft", text, err)
		}
	}
}

func TestPlain(t *testing.T) {
	for name, want := range map[string]string{"getUserById": "get-user-by-id", "GET /a/{id}": "get-a-id", "42": "op-42", "": "op", "Über": "ber"} {
		if got := plain(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// No document may make it loop or panic: schemas and references may be circles.
func FuzzFromOpenAPI(f *testing.F) {
	f.Add(`{"openapi":"3.0.0","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/s"}}}}}}},"s":{"type":"object","properties":{"me":{"$ref":"#/s"},"list":{"type":"array","items":{"$ref":"#/s"}}}}}`)
	f.Add(`{"openapi":"3.0.0","paths":{"$ref":"#/paths"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var doc any
		if json.Unmarshal([]byte(text), &doc) == nil {
			if d, err := FromOpenAPI(doc); err == nil {
				runs(t, d)
			}
		}
	})
}
