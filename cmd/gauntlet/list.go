package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"gauntlet/chaos"
	"gauntlet/compose"
	"gauntlet/experiments/spec"
)

func listCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [KIND...]",
		Short: "List experiments, topologies and kinds of faults, or all about some kinds of faults",
		Example: `  gauntlet list
  gauntlet list delay
  gauntlet list --json`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return list(os.Stdout, asJSON)
			}
			return listKinds(os.Stdout, args, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// catalogue is all that there is, for machines.
type catalogue struct {
	Experiments []listedExperiment `json:"experiments"`
	Topologies  []listedTopology   `json:"topologies"`
	Faults      []listedKind       `json:"faults"`
}

type listedExperiment struct {
	Name     string `json:"name"`
	Topology string `json:"topology"`
	Claim    string `json:"claim"`
}

type listedTopology struct {
	Name     string   `json:"name"`
	Summary  string   `json:"summary"`
	Services []string `json:"services"`
	Tiers    []string `json:"tiers"`
	Roles    []string `json:"roles"`
}

// listedKind is all about a kind of fault.
type listedKind struct {
	Name    string        `json:"name"`
	Group   string        `json:"group"`
	Summary string        `json:"summary"`
	Effect  string        `json:"effect"`
	Undo    string        `json:"undo"`
	Example string        `json:"example"`
	Inject  string        `json:"inject,omitempty"` // command line that does the same
	Fields  []listedField `json:"fields"`
}

type listedField struct {
	Name     string `json:"name"`
	Unit     string `json:"unit"`
	Default  string `json:"default,omitempty"`
	Required bool   `json:"required"`
	Doc      string `json:"doc"`
}

func readCatalogue() (catalogue, error) {
	all, err := spec.Catalogue()
	if err != nil {
		return catalogue{}, err
	}
	var c catalogue
	for _, e := range all {
		c.Experiments = append(c.Experiments, listedExperiment{e.Name, e.Topology, e.Claim})
	}
	for _, t := range compose.All() {
		if !t.Mutant {
			c.Topologies = append(c.Topologies, listedTopology{t.Name, t.Summary, t.Services, t.Tiers, t.Roles})
		}
	}
	for _, k := range chaos.Kinds() {
		c.Faults = append(c.Faults, describeKind(k))
	}
	return c, nil
}

func describeKind(k chaos.KindDoc) listedKind {
	out := listedKind{Name: k.Name, Group: k.Group, Summary: k.Summary, Effect: k.Effect, Undo: k.Undo, Example: k.Example, Fields: []listedField{}}
	f, err := chaos.New(k.Name)
	if err != nil {
		return out // a test of package chaos makes each
	}
	if chaos.NeedsTarget(f) {
		out.Inject = injectExample(k)
	}
	for _, field := range chaos.FieldsOf(f) {
		out.Fields = append(out.Fields, listedField{field.Name, string(field.Unit), field.Default, field.Required, field.Doc})
	}
	return out
}

func list(w io.Writer, asJSON bool) error {
	c, err := readCatalogue()
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(w, c)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "EXPERIMENT\tTOPOLOGY\tCLAIM")
	for _, e := range c.Experiments {
		fmt.Fprintf(t, "%s\t%s\t%s\n", e.Name, e.Topology, e.Claim)
	}
	fmt.Fprintln(t, "\nTOPOLOGY\t\tSUMMARY")
	for _, top := range c.Topologies {
		fmt.Fprintf(t, "%s\t\t%s\n", top.Name, top.Summary)
	}
	fmt.Fprintln(t, "\nFAULT\tGROUP\tWHAT IT DOES (gauntlet list FAULT says more)")
	for _, k := range c.Faults {
		fmt.Fprintf(t, "%s\t%s\t%s\n", k.Name, k.Group, k.Summary)
	}
	return t.Flush()
}

// listKinds prints all about some kinds.
func listKinds(w io.Writer, names []string, asJSON bool) error {
	var kinds []chaos.KindDoc
	var errs []error
	for _, name := range names {
		k, err := findKind(name)
		kinds, errs = append(kinds, k), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if asJSON {
		var out []listedKind
		for _, k := range kinds {
			out = append(out, describeKind(k))
		}
		return printJSON(w, out)
	}
	for i, k := range kinds {
		if i > 0 {
			fmt.Fprintln(w)
		}
		f, err := chaos.New(k.Name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\n\n%s", k.Name, kindText(k, chaos.FieldsOf(f)))
		fmt.Fprintf(w, "\nAs a step of an experiment:\n  %s\n", k.Example)
		if chaos.NeedsTarget(f) {
			fmt.Fprintf(w, "By hand:\n  %s\n", injectExample(k))
		}
	}
	return nil
}

// findKind finds a kind by its name; the error says which was probably meant.
func findKind(name string) (chaos.KindDoc, error) {
	for _, k := range chaos.Kinds() {
		if k.Name == name {
			return k, nil
		}
	}
	meant := ""
	if near := injectCommand().SuggestionsFor(name); len(near) > 0 {
		meant = fmt.Sprintf("did you mean %s? ", near[0])
	}
	return chaos.KindDoc{}, fmt.Errorf("%w %q: %sthere are: %s", chaos.ErrUnknownKind, name, meant, strings.Join(chaos.KindNames(), ", "))
}

// kindText is what people read about a kind.
func kindText(k chaos.KindDoc, fields []chaos.Field) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n\nIt has begun when: %s.\nIt is undone by: %s.\n", capital(k.Summary), k.Effect, k.Undo)
	if len(fields) == 0 {
		b.WriteString("It has no fields of its own.\n")
		return b.String()
	}
	b.WriteString("\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FIELD\tUNIT\tDEFAULT\tMEANS")
	for _, f := range fields {
		standard := f.Default
		if f.Required {
			standard = "required"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.Name, f.Unit, standard, f.Doc)
	}
	w.Flush()
	return b.String()
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
