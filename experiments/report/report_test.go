package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"gauntlet/experiments/score"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file under testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; run go test -update and read the difference. got:\n%s", file, got)
	}
}

func cards() map[string]score.Card {
	return map[string]score.Card{"pass": passCard(), "fail": failCard(), "unknown": unknownCard(), "control": controlCard()}
}

func text(t *testing.T, c score.Card, opt TextOptions) string {
	t.Helper()
	var b strings.Builder
	if err := Text(&b, c, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func page(t *testing.T, c score.Card, tl Timeline) string {
	t.Helper()
	var b strings.Builder
	if err := HTML(&b, c, tl); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextGolden(t *testing.T) {
	for name, c := range cards() {
		got := text(t, c, TextOptions{})
		golden(t, name+".txt", []byte(got))
		for line := range strings.Lines(got) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 {
				t.Errorf("%s: line of %d columns: %s", name, n, line)
			}
		}
	}
}

func TestTextBeginsWithVerdict(t *testing.T) {
	for name, want := range map[string]string{"pass": "PASS", "fail": "FAIL", "unknown": "UNKNOWN", "control": "PASS"} {
		if got := text(t, cards()[name], TextOptions{}); !strings.HasPrefix(got, want+" ") {
			t.Errorf("%s begins with %.20q, want %s", name, got, want)
		}
	}
	if got := text(t, score.Card{}, TextOptions{}); !strings.HasPrefix(got, "UNKNOWN") {
		t.Errorf("an empty card begins with %.20q, want UNKNOWN", got)
	}
}

func TestColourChangesNothingButColour(t *testing.T) {
	escapes := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for name, c := range cards() {
		coloured := text(t, c, TextOptions{Color: true})
		if !escapes.MatchString(coloured) {
			t.Errorf("%s: no colours", name)
		}
		if got, want := escapes.ReplaceAllString(coloured, ""), text(t, c, TextOptions{}); got != want {
			t.Errorf("%s: coloured text differs from plain text", name)
		}
	}
}

func TestJSONGoldenAndRoundTrip(t *testing.T) {
	for name, c := range cards() {
		var b bytes.Buffer
		if err := JSON(&b, c); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", b.Bytes())
		var back score.Card
		if err := json.Unmarshal(b.Bytes(), &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, c) {
			t.Errorf("%s: the card read back differs", name)
		}
	}
}

var svgs = regexp.MustCompile(`(?s)<svg.*?</svg>`)

// wellFormed reads all SVG of a page as XML.
func wellFormed(t *testing.T, html string) {
	t.Helper()
	found := svgs.FindAllString(html, -1)
	if len(found) < 5 {
		t.Errorf("%d charts on the page, want at least 5", len(found))
	}
	for _, s := range found {
		d := xml.NewDecoder(strings.NewReader(s))
		d.Entity = xml.HTMLEntity
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("SVG is not well-formed: %v\n%.400s", err, s)
			}
		}
		if strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
			t.Errorf("SVG with coordinates that are no numbers: %.400s", s)
		}
	}
}

func TestHTMLGolden(t *testing.T) {
	got := page(t, passCard(), runTimeline(t))
	golden(t, "pass.html", []byte(got))
	if again := page(t, passCard(), runTimeline(t)); again != got {
		t.Error("the same input gave different bytes")
	}
}

func TestHTMLOfEveryCard(t *testing.T) {
	outside := regexp.MustCompile(`(?i)https?://|//[a-z]+\.[a-z]|@import|<link|\bsrc\s*=|url\((["']?)[^#"']|ZgotmplZ`)
	for name, c := range cards() {
		got := page(t, c, runTimeline(t))
		wellFormed(t, got)
		if m := outside.FindString(got); m != "" {
			t.Errorf("%s: refers to something outside of the page, or the template refused a value: %q", name, m)
		}
		if dir := os.Getenv("REPORT_PAGES"); dir != "" { // to look at them
			if err := os.WriteFile(filepath.Join(dir, name+".html"), []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestHTMLOfEmptyRecording(t *testing.T) {
	got := page(t, score.Card{}, Timeline{})
	wellFormed(t, page(t, passCard(), Timeline{}))
	for _, want := range []string{">UNKNOWN<", "No requests were recorded", "was not closed"} {
		if !strings.Contains(got, want) {
			t.Errorf("page of nothing lacks %q", want)
		}
	}
	if strings.Contains(got, ">PASS<") {
		t.Error("page of nothing passes")
	}
}

// hostile stands for every name that comes from outside.
const hostile = `</script><script>alert(1)</script>"'&<b>` + "\x1b[2J\n"

// poison replaces every string in v by hostile.
func poison(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				poison(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i))
		}
	case reflect.String:
		v.SetString(hostile)
	}
}

func TestHostileNames(t *testing.T) {
	tl := runTimeline(t)
	c := failCard()
	poison(reflect.ValueOf(&c))
	poison(reflect.ValueOf(&tl))
	for i := range tl.Classes {
		tl.Classes[i].Region = string(rune('a' + i))
	}
	got := page(t, c, tl)
	if n := strings.Count(got, "<script>"); n != 1 {
		t.Errorf("%d script elements, want 1", n)
	}
	if strings.Contains(got, "<b>\x1b") {
		t.Error("markup from a name was not escaped")
	}
	if out := text(t, c, TextOptions{}); strings.Contains(out, "\x1b") {
		t.Error("a name reached the terminal with an escape character")
	}
}

// full is a writer without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("no space left on device")

func TestWriteErrors(t *testing.T) {
	c, tl := passCard(), runTimeline(t)
	for name, err := range map[string]error{"text": Text(full{}, c, TextOptions{}), "json": JSON(full{}, c), "html": HTML(full{}, c, tl)} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s: got %v, want %v", name, err, errFull)
		}
	}
	c.Score.Hi = math.NaN()
	var b bytes.Buffer
	if err := JSON(&b, c); err == nil || b.Len() > 0 {
		t.Errorf("a card with NaN: got %v and %d bytes, want an error and none", err, b.Len())
	}
}

func TestWrongSumsLookWrong(t *testing.T) {
	c := passCard()
	c.Faults[0].Stages[0].Seconds = 1
	c.Score = exactly(90)
	out, html := text(t, c, TextOptions{}), page(t, c, runTimeline(t))
	for _, want := range []string{"the stages do not add up", "the parts leave 83.6: they do not add up"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) || !strings.Contains(html, want) {
			t.Errorf("no word of %q", want)
		}
	}
}
