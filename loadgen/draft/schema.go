package draft

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// text, list and object read a value leniently.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// maxRefs bounds a chain of references: a circle has no end.
const maxRefs = 20

// object is a mapping, looked up in the document if it is a reference; nil for anything else.
func (d *document) object(v any) map[string]any {
	for range maxRefs {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		ref, isRef := m["$ref"].(string)
		if !isRef {
			return m
		}
		v = d.find(ref)
	}
	return nil
}

// find follows a reference within the document, such as #/components/schemas/User.
func (d *document) find(ref string) any {
	path, local := strings.CutPrefix(ref, "#/")
	if !local {
		return nil
	}
	var v any = d.root
	for key := range strings.SplitSeq(path, "/") {
		m, _ := v.(map[string]any)
		v = m[strings.ReplaceAll(strings.ReplaceAll(key, "~1", "/"), "~0", "~")]
	}
	return v
}

// written is a value as JSON, "" for none.
func written(v any) string {
	if v == nil {
		return ""
	}
	if s, ok := v.(string); ok && json.Valid([]byte(s)) {
		return s // an example that is written as a text
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// example is a value for a parameter: what the document gives, or a small number for what is not known.
func (d *document) example(param map[string]any) string {
	schema := d.object(param["schema"])
	if schema == nil {
		schema = param // Swagger 2
	}
	for _, v := range []any{param["example"], schema["example"], schema["default"]} {
		if v != nil {
			return text(v)
		}
	}
	if values := list(schema["enum"]); len(values) > 0 {
		return text(values[0])
	}
	switch text(schema["type"]) {
	case "boolean":
		return "true"
	default:
		return "{{rand 100}}"
	}
}

// maxDepth bounds nested schemas: some contain themselves.
const maxDepth = 6

// json writes a value that fits a schema, with variables where a value may be anything.
func (d *document) json(v any, depth int) string {
	s := d.object(v)
	if given := first(s["example"], s["default"]); given != nil {
		return written(given)
	}
	if values := list(s["enum"]); len(values) > 0 {
		return written(values[0])
	}
	if all := list(s["allOf"]); len(all) > 0 {
		s = d.joined(all)
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if some := list(s[key]); len(some) > 0 && depth < maxDepth {
			return d.json(some[0], depth+1)
		}
	}
	kind := text(s["type"])
	if kinds := list(s["type"]); len(kinds) > 0 { // OpenAPI 3.1
		kind = text(kinds[0])
	}
	switch {
	case kind == "object" || s["properties"] != nil:
		return d.jsonObject(s, depth)
	case kind == "array":
		if depth >= maxDepth {
			return "[]"
		}
		return "[" + d.json(s["items"], depth+1) + "]"
	case kind == "integer" || kind == "number":
		return "{{rand 100}}"
	case kind == "boolean":
		return "true"
	case kind == "string":
		return quote(sampleText(text(s["format"])))
	default:
		return "null"
	}
}

func first(vs ...any) any {
	for _, v := range vs {
		if v != nil {
			return v
		}
	}
	return nil
}

// jsonObject writes the fields that are required, or all if none is said to be.
func (d *document) jsonObject(s map[string]any, depth int) string {
	fields, required := d.object(s["properties"]), list(s["required"])
	var out []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		field := d.object(fields[name])
		if depth >= maxDepth || field["readOnly"] == true || len(required) > 0 && !slices.Contains(required, any(name)) {
			continue
		}
		out = append(out, quote(name)+": "+d.json(fields[name], depth+1))
	}
	return "{" + strings.Join(out, ", ") + "}"
}

// joined is the fields of several schemas in one.
func (d *document) joined(all []any) map[string]any {
	fields, required := map[string]any{}, []any(nil)
	for _, v := range all {
		part := d.object(v)
		maps.Copy(fields, d.object(part["properties"]))
		required = append(required, list(part["required"])...)
	}
	return map[string]any{"type": "object", "properties": fields, "required": required}
}

func sampleText(format string) string {
	switch format {
	case "date":
		return "2026-01-02"
	case "date-time":
		return "2026-01-02T15:04:05Z"
	case "email":
		return "user-{{rand 1000}}@example.com"
	case "uuid":
		return "00000000-0000-4000-8000-000000000001"
	case "uri", "url":
		return "http://example.com/"
	default:
		return "text {{rand 1000}}"
	}
}
