package chaos_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gauntlet/chaos"
)

var update = flag.Bool("update", false, "write the tables of README.md")

// The tables of the README are what the code says.
func TestReadmeTables(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for _, part := range []struct{ name, text string }{
		{"kinds", kindsTable()}, {"fields", fieldsTable(t)}, {"examples", examples()}, {"families", familiesTable(t)},
	} {
		want = between(t, want, part.name, part.text)
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Errorf("README.md is not up to date: go test ./chaos -run Readme -update")
	}
}

// between puts the text between the markers of a name.
func between(t *testing.T, readme, name, text string) string {
	t.Helper()
	open, end := "<!-- "+name+": made by `go test ./chaos -run Readme -update` -->\n", "<!-- /"+name+" -->\n"
	before, rest, ok := strings.Cut(readme, open)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("README.md has no place for %s", name)
	}
	return before + open + text + end + after
}

// maker makes a fault of a kind.
func maker(t *testing.T, kind string) chaos.Fault {
	t.Helper()
	f, err := chaos.New(kind)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func kindsTable() string {
	var b strings.Builder
	b.WriteString("| kind | group | what it is | effect begins when | undo |\n|---|---|---|---|---|\n")
	for _, k := range chaos.Kinds() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", k.Name, k.Group, k.Summary, k.Effect, k.Undo)
	}
	return b.String()
}

// fieldRow is a field that several kinds may have.
type fieldRow struct {
	kinds []string
	text  string
}

// fieldsTable has a row for each field; kinds that have the same one share it.
func fieldsTable(t *testing.T) string {
	var rows []fieldRow
	var none, ramps []string
	for _, k := range chaos.KindNames() {
		f := maker(t, k)
		if _, ok := f.(chaos.Scaler); ok {
			ramps = append(ramps, "`"+k+"`")
		}
		if len(chaos.FieldsOf(f)) == 0 {
			none = append(none, "`"+k+"`")
		}
		for _, field := range chaos.FieldsOf(f) {
			text := fieldText(field)
			i := slices.IndexFunc(rows, func(r fieldRow) bool { return r.text == text })
			if i < 0 {
				i, rows = len(rows), append(rows, fieldRow{text: text})
			}
			rows[i].kinds = append(rows[i].kinds, "`"+k+"`")
		}
	}
	var b strings.Builder
	b.WriteString("| kinds | field | unit | default | means |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s\n", strings.Join(r.kinds, " "), r.text)
	}
	fmt.Fprintf(&b, "\nWithout fields: %s. With a `ramp`: %s.\n", strings.Join(none, " "), strings.Join(ramps, " "))
	return b.String()
}

func fieldText(f chaos.Field) string {
	standard := f.Default
	if f.Required {
		standard = "required"
	}
	return fmt.Sprintf("`%s` | %s | %s | %s |", f.Name, f.Unit, standard, f.Doc)
}

func examples() string {
	var b strings.Builder
	b.WriteString("```yaml\nsteps:\n")
	for _, k := range chaos.Kinds() {
		fmt.Fprintf(&b, "  - %s\n", k.Example)
	}
	b.WriteString("```\n")
	return b.String()
}

func familiesTable(t *testing.T) string {
	var order []chaos.Family
	kinds := map[chaos.Family][]string{}
	for _, k := range chaos.KindNames() {
		f := chaos.FamilyOf(maker(t, k))
		if kinds[f] == nil {
			order = append(order, f)
		}
		kinds[f] = append(kinds[f], "`"+k+"`")
	}
	var b strings.Builder
	b.WriteString("| family | kinds | two of it on one container |\n|---|---|---|\n")
	for _, f := range order {
		two := "one at a time"
		switch {
		case f == chaos.FamilyLoad:
			two = "has no targets"
		case chaos.Compose(f, f):
			two = "compose"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", f, strings.Join(kinds[f], " "), two)
	}
	for _, f := range order {
		for _, other := range order {
			if f != other && !chaos.Compose(f, other) {
				t.Errorf("%s and %s do not compose; the README says that different families do", f, other)
			}
		}
	}
	return b.String()
}

// Each verb has a row in the table of what the Docker runtime does.
func TestReadmeListsTheVerbs(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## What the Docker runtime does")
	all := verbs(t)
	if len(all) < 17 {
		t.Errorf("%d verbs found in op.go; the test does not read it right", len(all))
	}
	for _, v := range all {
		if !strings.Contains(table, "\n| `"+v+"` |") {
			t.Errorf("README.md: the table of verbs lacks %s", v)
		}
	}
}

// verbs are the values of the constants of type Verb.
func verbs(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "op.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := v.Type.(*ast.Ident); ok && id.Name == "Verb" {
			if s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value); err == nil {
				out = append(out, s)
			}
		}
		return true
	})
	return out
}

// Every kind that can be made is described, belongs to its family, and has the fields that its example uses.
func TestReadmeKindsAreComplete(t *testing.T) {
	for _, k := range chaos.Kinds() {
		f := maker(t, k.Name)
		if k.Summary == "" || k.Effect == "" || k.Undo == "" || k.Group == "" || !strings.Contains(k.Example, "kind: "+k.Name) {
			t.Errorf("%s is not described: %+v", k.Name, k)
		}
		for _, field := range chaos.FieldsOf(f) {
			if field.Doc == "" || field.Unit == "" || field.Name == "" {
				t.Errorf("%s: field %+v is not described", k.Name, field)
			}
			if field.Required && !strings.Contains(k.Example, field.Name+": ") {
				t.Errorf("%s: the example lacks %s", k.Name, field.Name)
			}
		}
	}
}
