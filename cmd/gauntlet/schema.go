package main

import (
	"os"
	"slices"

	"github.com/spf13/cobra"

	"gauntlet/chaos"
	"gauntlet/compose"
	"gauntlet/experiments/spec"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of experiment files, for editors",
		Long: `Schema prints the JSON Schema (draft 2020-12) of experiment files. It knows every key and every kind of fault with its
fields; what depends on the topology, and how things fit together, only gauntlet validate knows.`,
		Example: `  gauntlet schema > experiment.schema.json`,
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return printJSON(os.Stdout, experimentSchema()) },
	}
}

// schema is a node of a JSON Schema.
type schema map[string]any

func ref(name string) schema { return schema{"$ref": "#/$defs/" + name} }

func listOf(items schema) schema { return schema{"type": "array", "items": items} }

// experimentSchema is the schema of a whole file.
func experimentSchema() schema {
	defs := schema{}
	for name, s := range scalars() {
		defs[name] = s
	}
	for _, o := range schemaObjects {
		defs[o.name] = o.schema()
	}
	defs["entry"] = schema{"oneOf": []schema{ref("step"), ref("sequence"), ref("parallel"), ref("monkey")}}
	var kinds []schema
	for _, name := range chaos.KindNames() {
		defs["fault-"+name] = faultSchema(name)
		kinds = append(kinds, ref("fault-"+name))
	}
	defs["fault"] = schema{"description": "what happens; gauntlet list KIND says more", "oneOf": kinds}
	defs["fault-or-kind"] = schema{"oneOf": []schema{{"enum": chaos.KindNames()}, ref("fault")}}
	out := schema{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Gauntlet experiment", "$defs": defs}
	for k, v := range defs["experiment"].(schema) {
		out[k] = v
	}
	delete(defs, "experiment")
	return out
}

// scalars are the values that are written in a way of their own.
func scalars() map[string]schema {
	var metrics []string
	for _, m := range spec.Metrics() {
		metrics = append(metrics, m.Name)
	}
	var topologies []string
	for _, t := range compose.All() {
		if !t.Mutant {
			topologies = append(topologies, t.Name)
		}
	}
	text := func(pattern, doc string) schema {
		return schema{"type": "string", "pattern": pattern, "description": doc}
	}
	return map[string]schema{
		"text":     {"type": "string"},
		"number":   {"type": "number"},
		"integer":  {"type": "integer"},
		"positive": {"type": "integer", "minimum": 1},
		"percent":  {"type": "integer", "minimum": 1, "maximum": 100},
		"bool":     {"type": "boolean"},
		"scalar":   {"type": []string{"string", "number", "boolean"}},
		"time":     text(`^(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|ms|s|m|h))+$`, "a time, such as 500ms, 30s or 1m30s"),
		"rate":     text(`^[0-9.]+ */ *s$`, "requests per second, such as 200/s"),
		"ratio":    {"description": "a ratio, such as 0.3 or 30%", "anyOf": []schema{{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string", "pattern": `^[0-9.]+%$`}}},
		"bytes":    text(`^[0-9.]+ ?([KkMmGg][Ii]?)?[Bb]$`, "a size, such as 64MB or 1GiB"),
		"bits":     text(`^[0-9.]+ ?[KkMmGg]?bit(/s)?$`, "bits per second, such as 10mbit"),
		"words":    {"anyOf": []schema{{"type": "string"}, listOf(schema{"type": []string{"string", "number"}})}},
		"ports":    {"anyOf": []schema{{"$ref": "#/$defs/port"}, listOf(ref("port"))}},
		"port":     {"type": "integer", "minimum": 1, "maximum": 65535},
		"pick":     {"description": "all, one, a number, N%, minority or majority", "anyOf": []schema{{"type": "integer", "minimum": 1}, {"type": "string", "pattern": `^(all|one|minority|majority|[1-9][0-9]*%?)$`}}},
		"mapping":  {"type": "object"},
		"headers":  {"type": "object", "additionalProperties": ref("scalar")},
		"metric":   {"description": "a metric, one of an operation class such as write_outage, or the name of a probe", "type": "string", "pattern": `^[a-z][a-z0-9_-]*$`, "examples": metrics},
		"bound":    {"type": []string{"string", "number"}},
		"topology": {"description": "what to start, or a system of the user's own", "anyOf": []schema{{"type": "string", "examples": topologies}, ref("attach")}},
		"workload": {"enum": spec.Workloads()},
	}
}

// units are the scalars that fields of faults are written as.
var units = map[chaos.Unit]string{
	chaos.UnitTime: "time", chaos.UnitRatio: "ratio", chaos.UnitNumber: "number", chaos.UnitInteger: "integer", chaos.UnitBytes: "bytes",
	chaos.UnitBits: "bits", chaos.UnitWord: "scalar", chaos.UnitWords: "words", chaos.UnitPorts: "ports", chaos.UnitSelector: "on", chaos.UnitBool: "bool",
}

// faultSchema is one kind of fault with its fields.
func faultSchema(kind string) schema {
	o := schemaObject{keys: []schemaKey{{"kind", "", "", true}}}
	f, err := chaos.New(kind)
	if err != nil {
		return schema{} // a test of package chaos makes each
	}
	for _, field := range chaos.FieldsOf(f) {
		o.keys = append(o.keys, schemaKey{field.Name, units[field.Unit], field.Doc, field.Required})
	}
	s := o.schema()
	i := slices.IndexFunc(chaos.Kinds(), func(k chaos.KindDoc) bool { return k.Name == kind })
	s["description"] = chaos.Kinds()[i].Summary
	s["properties"].(schema)["kind"] = schema{"const": kind}
	return s
}
