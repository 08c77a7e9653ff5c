package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"gauntlet/chaos"
)

// printedSchema is the schema as users get it.
func printedSchema(t *testing.T) map[string]any {
	t.Helper()
	text, err := json.Marshal(experimentSchema())
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// validator checks values against the part of JSON Schema that ours uses.
type validator struct{ root map[string]any }

// check says what is wrong, or nothing.
func (v validator) check(s map[string]any, value any, at string) []string {
	if name, ok := s["$ref"].(string); ok {
		target, ok := v.root["$defs"].(map[string]any)[strings.TrimPrefix(name, "#/$defs/")].(map[string]any)
		if !ok {
			return []string{at + ": the schema has no " + name}
		}
		return v.check(target, value, at)
	}
	var wrong []string
	if !isType(s["type"], value) {
		wrong = append(wrong, fmt.Sprintf("%s: %v is no %v", at, value, s["type"]))
	}
	if c, ok := s["const"]; ok && c != value {
		wrong = append(wrong, fmt.Sprintf("%s: %v is not %v", at, value, c))
	}
	if e, ok := s["enum"].([]any); ok && !slices.Contains(e, value) {
		wrong = append(wrong, fmt.Sprintf("%s: %v is none of %v", at, value, e))
	}
	if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(fmt.Sprint(value)) {
		wrong = append(wrong, fmt.Sprintf("%s: %v does not fit %s", at, value, p))
	}
	if x, ok := value.(float64); ok && (isBelow(x, s["minimum"]) || isBelow(-x, negative(s["maximum"]))) {
		wrong = append(wrong, fmt.Sprintf("%s: %v is out of range", at, value))
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if all, ok := s[key].([]any); ok {
			wrong = append(wrong, v.some(all, value, at, key == "oneOf")...)
		}
	}
	return append(append(wrong, v.object(s, value, at)...), v.list(s, value, at)...)
}

// some says what is wrong if none of the schemas fits, or, where one is asked for, several do.
func (v validator) some(all []any, value any, at string, one bool) []string {
	fits := 0
	var wrong []string
	for _, s := range all {
		w := v.check(s.(map[string]any), value, at)
		if len(w) == 0 {
			fits++
		} else if wrong == nil || len(w) < len(wrong) {
			wrong = w
		}
	}
	switch {
	case fits == 0:
		return wrong
	case one && fits > 1:
		return []string{fmt.Sprintf("%s: %d schemas fit", at, fits)}
	}
	return nil
}

func (v validator) object(s map[string]any, value any, at string) []string {
	properties, ok := s["properties"].(map[string]any)
	object, isObject := value.(map[string]any)
	if !ok || !isObject {
		return nil
	}
	var wrong []string
	for key, x := range object {
		if p, ok := properties[key].(map[string]any); ok {
			wrong = append(wrong, v.check(p, x, at+"."+key)...)
		} else {
			wrong = append(wrong, at+": unknown key "+key)
		}
	}
	for _, key := range s["required"].([]any) {
		if _, ok := object[key.(string)]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s: %v is missing", at, key))
		}
	}
	return wrong
}

func (v validator) list(s map[string]any, value any, at string) []string {
	items, ok := s["items"].(map[string]any)
	all, isList := value.([]any)
	if !ok || !isList {
		return nil
	}
	var wrong []string
	for i, x := range all {
		wrong = append(wrong, v.check(items, x, fmt.Sprintf("%s[%d]", at, i))...)
	}
	return wrong
}

// isBelow says whether x is below a bound, if there is one.
func isBelow(x float64, bound any) bool {
	b, ok := bound.(float64)
	return ok && x < b
}

func negative(bound any) any {
	if b, ok := bound.(float64); ok {
		return -b
	}
	return nil
}

func isType(want, value any) bool {
	if list, ok := want.([]any); ok {
		return slices.ContainsFunc(list, func(w any) bool { return isType(w, value) })
	}
	switch value := value.(type) {
	case map[string]any:
		return want == nil || want == "object"
	case []any:
		return want == nil || want == "array"
	case string:
		return want == nil || want == "string"
	case bool:
		return want == nil || want == "boolean"
	case float64:
		return want == nil || want == "number" || want == "integer" && value == float64(int64(value))
	}
	return want == nil
}

// parsed reads YAML as JSON would be.
func parsed(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(j, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSchemaFitsTheCatalogue(t *testing.T) {
	v := validator{printedSchema(t)}
	files, err := filepath.Glob(filepath.Join(root, "experiments", "*.yaml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d experiments found (%v)", len(files), err)
	}
	mutants, err := filepath.Glob(filepath.Join(root, "experiments", "mutants", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, mutants...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range v.check(v.root, parsed(t, string(text)), filepath.Base(file)) {
			t.Error(wrong)
		}
	}
}

// The example of every kind of fault, and of the README, is a step by the schema.
func TestSchemaFitsTheExamples(t *testing.T) {
	v := validator{printedSchema(t)}
	steps := map[string]any{"$ref": "#/$defs/entry"}
	for _, k := range chaos.Kinds() {
		for _, wrong := range v.check(steps, parsed(t, k.Example), k.Name) {
			t.Error(wrong)
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "experiments", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		example, ok := parsed(t, block).(map[string]any)
		if !ok {
			t.Fatalf("README example %d is no mapping", i+1)
		}
		properties := v.root["properties"].(map[string]any)
		for key, x := range example {
			p, ok := properties[key].(map[string]any)
			if !ok {
				t.Errorf("README example %d: unknown key %s", i+1, key)
				continue
			}
			for _, wrong := range v.check(p, x, fmt.Sprintf("README example %d: %s", i+1, key)) {
				t.Error(wrong)
			}
		}
	}
}

func TestSchemaRefusesWhatIsWrong(t *testing.T) {
	v := validator{printedSchema(t)}
	for _, step := range []string{
		"{at: 20s, for: 30s, on: {role: x}, fault: {kind: kil}}",
		"{at: 20s, for: 30s, on: {role: x}, fault: {kind: delay}}",
		"{at: 20s, for: 30s, on: {role: x}, fault: {kind: delay, delay: 20}}",
		"{at: 20s, for: 30s, on: {role: x}, fault: {kind: kill, delay: 20ms}}",
		"{at: 20, for: 30s, on: {role: x}, fault: {kind: kill}}",
		"{at: 20s, for: 30s, on: {rle: x}, fault: {kind: kill}}",
		"{at: 20s, for: 30s, on: {role: x, pick: some}, fault: {kind: kill}}",
		"{at: 20s, on: {role: x}, fault: {kind: kill}}",
		"{at: 20s, for: 30s, on: {role: x}, fault: {kind: loss, share: 3}}",
		"{at: 20s, sequence: [{at: 3s, for: 30s, on: {role: x}, fault: {kind: kill}}]}",
	} {
		if wrong := v.check(map[string]any{"$ref": "#/$defs/entry"}, parsed(t, step), "step"); len(wrong) == 0 {
			t.Errorf("the schema takes %s", step)
		}
	}
}

// The tables of keys in experiments/README.md, which package spec holds to the parser, are those of the schema.
func TestSchemaHasTheKeysOfTheReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "experiments", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, o := range schemaObjects {
		for _, k := range o.keys {
			known[k.name] = true
		}
	}
	rows := 0
	inKeys := false
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "| key "):
			inKeys = true
		case !strings.HasPrefix(line, "|"):
			inKeys = false
		case inKeys && strings.HasPrefix(line, "| `"):
			rows++
			name, _, _ := strings.Cut(strings.TrimPrefix(line, "| `"), "`")
			if !known[name] {
				t.Errorf("experiments/README.md has a key %s that gauntlet schema does not know: add it to schema_keys.go", name)
			}
		}
	}
	if rows < 40 {
		t.Errorf("%d keys found in experiments/README.md; the test does not read it right", rows)
	}
}
