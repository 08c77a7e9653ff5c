package draft

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"gauntlet/loadgen"
)

// document is an OpenAPI document as JSON or YAML decode it, read leniently: what is not there is nil.
type document struct{ root map[string]any }

// FromOpenAPI makes a mix of the operations that an OpenAPI 3 or Swagger 2 document describes. doc is the decoded document:
// maps with texts as keys, lists, texts, numbers and booleans.
func FromOpenAPI(doc any) (Draft, error) {
	root, _ := doc.(map[string]any)
	d := &document{root: root}
	paths := d.object(root["paths"])
	if len(paths) == 0 || text(root["openapi"]) == "" && text(root["swagger"]) == "" {
		return Draft{}, fmt.Errorf("%w: not an OpenAPI document: it needs openapi (or swagger) and paths", ErrDraft)
	}
	out := Draft{Base: d.base()}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := d.object(paths[path])
		for _, method := range []string{"get", "head", "post", "put", "patch", "delete"} {
			if op := d.object(item[method]); op != nil {
				d.operation(&out, strings.ToUpper(method), path, item, op)
			}
		}
	}
	if root["security"] != nil {
		out.note("the API asks for credentials: give the load a login, or put them into headers")
	}
	if len(out.Ops) == 0 {
		return out, fmt.Errorf("%w: the document has no operation that can be sent as it stands", ErrDraft)
	}
	return out, nil
}

// base is the first server's URL, if it is a whole one.
func (d *document) base() string {
	if servers := list(d.root["servers"]); len(servers) > 0 {
		server := d.object(servers[0])
		u := text(server["url"])
		for name, v := range d.object(server["variables"]) {
			u = strings.ReplaceAll(u, "{"+name+"}", text(d.object(v)["default"]))
		}
		if strings.HasPrefix(u, "/") {
			return "http://127.0.0.1:8080" + strings.TrimSuffix(u, "/")
		}
		return strings.TrimSuffix(u, "/")
	}
	if host := text(d.root["host"]); host != "" {
		scheme := "http"
		if s := list(d.root["schemes"]); len(s) > 0 {
			scheme = text(s[0])
		}
		return scheme + "://" + host + strings.TrimSuffix(text(d.root["basePath"]), "/")
	}
	return ""
}

// operation adds one operation of the document.
func (d *document) operation(out *Draft, method, path string, item, op map[string]any) {
	if method == "DELETE" {
		out.note("DELETE %s is left out", path)
		return
	}
	name := text(op["operationId"])
	if name == "" {
		name = method + " " + path
	}
	r := loadgen.Request{Method: method, Path: path, Header: map[string]string{}}
	query := url.Values{}
	var extra []string
	for _, p := range append(list(item["parameters"]), list(op["parameters"])...) {
		param := d.object(p)
		value := d.example(param)
		switch key := text(param["name"]); text(param["in"]) {
		case "path":
			r.Path = strings.ReplaceAll(r.Path, "{"+key+"}", inPath(value))
		case "query":
			if param["required"] == true && !query.Has(key) {
				query.Set(key, "")
				extra = append(extra, url.QueryEscape(key)+"="+inPath(value))
			}
		case "header":
			if param["required"] == true {
				r.Header[key] = value
			}
		case "body": // Swagger 2
			r.Body, r.Header["Content-Type"] = d.json(param["schema"], 0), "application/json"
		}
	}
	if len(extra) > 0 {
		r.Path += "?" + strings.Join(extra, "&")
	}
	if !d.body(out, &r, op) {
		return
	}
	if strings.Contains(strings.ReplaceAll(strings.ReplaceAll(r.Path, "{{", ""), "}}", ""), "{") {
		out.note("%s %s is left out: a part of its path is described nowhere", method, path)
		return
	}
	weight := float64(writeWeight)
	if reads(method) {
		weight = readWeight
	}
	out.add(name, weight, r)
}

// body fills in the request's body, and says whether it could.
func (d *document) body(out *Draft, r *loadgen.Request, op map[string]any) bool {
	content := d.object(d.object(op["requestBody"])["content"])
	if len(content) == 0 {
		return true
	}
	for _, kind := range slices.Sorted(maps.Keys(content)) {
		if !strings.Contains(kind, "json") {
			continue
		}
		media := d.object(content[kind])
		r.Header["Content-Type"] = kind
		if r.Body = written(media["example"]); r.Body != "" {
			return true
		}
		examples := d.object(media["examples"])
		for _, name := range slices.Sorted(maps.Keys(examples)) {
			if r.Body = written(d.object(examples[name])["value"]); r.Body != "" {
				return true
			}
		}
		r.Body = d.json(media["schema"], 0)
		return true
	}
	out.note("%s %s is left out: its body is not JSON", r.Method, r.Path)
	return false
}

// inPath escapes an example for a URL, but not a variable.
func inPath(value string) string {
	if strings.HasPrefix(value, "{{") {
		return value
	}
	return url.QueryEscape(value)
}
