package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gauntlet/chaos"
	"gauntlet/chaos/roles"
	"gauntlet/experiments/spec"
)

// injectFlags are those that every kind of fault has.
type injectFlags struct {
	on          string
	length      time.Duration
	ramp        time.Duration
	project     string
	topology    string
	roles       string
	keepHealthy int
	maxPercent  int
	seed        uint64
	dryRun      bool
	json        bool
}

// maxInjection is the longest that a fault may last: who wants more wants a change, not a fault.
const maxInjection = 24 * time.Hour

func injectCommand() *cobra.Command { return injectInto(inject) }

// injectInto is the command whose injections are carried out by do.
func injectInto(do func(context.Context, injectFlags, chaos.Step) error) *cobra.Command {
	var f injectFlags
	cmd := &cobra.Command{
		Use:   "inject KIND --on TARGETS",
		Short: "Inject one fault into any Compose project that runs, and heal it",
		Long: `Inject disturbs containers of a Compose project that runs, one of ours or anybody's, says when and how the fault took hold,
and heals it when its time is over, at Ctrl-C, or when Gauntlet is killed. gauntlet list shows the kinds of faults;
gauntlet inject KIND --help shows the fields of one.

TARGETS are key=value pairs: service, container, role, tier, region, network, label, pick (all, one, a number, N%, minority,
majority) and exclude. A word alone is a service; pick=all alone is everything. Live roles beside those that are known are
declared as in an experiment, in the file that --roles names.

Exit codes: 0 it had an effect and is healed, 2 no effect was seen or it ended early, 3 it could not be injected, or something
may still be disturbed, 130 interrupted and healed.`,
		Example: `  gauntlet inject pause --on db --for 10s
  gauntlet inject delay --on "tier=web pick=one" --delay 50ms --jitter 10ms --for 1m
  gauntlet inject partition --on role=postgres-primary --with tier=dcs --topology replicated --dry-run
  gauntlet inject pause --on role=api-leader --roles roles.yaml`,
		Args:               cobra.ArbitraryArgs,
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true}, // the fields of a kind that is misspelt
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return unknownKind(cmd, args) }
	cmd.SuggestionsMinimumDistance = 2
	fs := cmd.PersistentFlags()
	fs.StringVar(&f.on, "on", "", "who is hit, such as db, \"role=postgres-primary\" or \"tier=web pick=one\"")
	fs.DurationVar(&f.length, "for", 30*time.Second, "how long it lasts, up to 24h")
	fs.DurationVar(&f.ramp, "ramp", 0, "grow evenly from nothing to full strength over this time, where the kind can")
	fs.StringVar(&f.project, "project", "", "Compose project (default: the only one that runs)")
	fs.StringVar(&f.topology, "topology", "", "the project of a topology that gauntlet up started")
	fs.StringVar(&f.roles, "roles", "", "YAML file that declares live roles under \"roles\", such as an experiment")
	fs.IntVar(&f.keepHealthy, "keep-healthy", 0, "refuse if a service that is hit would keep fewer running and undisturbed containers")
	fs.IntVar(&f.maxPercent, "max-percent", 0, "refuse if more than this percentage of all containers would be disturbed (default: no limit)")
	fs.Uint64Var(&f.seed, "seed", 1, "of every choice that is left to chance")
	fs.BoolVar(&f.dryRun, "dry-run", false, "say who would be hit and how that would be undone, and touch nothing")
	fs.BoolVar(&f.json, "json", false, "print the outcome as JSON")
	for _, k := range chaos.Kinds() {
		if fault, err := chaos.New(k.Name); err == nil && chaos.NeedsTarget(fault) {
			cmd.AddCommand(injectKind(k, fault, &f, do))
		}
	}
	return cmd
}

// injectKind is the command of one kind of fault; its fields are flags.
func injectKind(k chaos.KindDoc, fault chaos.Fault, f *injectFlags, do func(context.Context, injectFlags, chaos.Step) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:     k.Name,
		Short:   k.Summary,
		Long:    kindText(k, chaos.FieldsOf(fault)),
		Example: "  " + injectExample(k),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			step, err := f.step(cmd, fault)
			if err != nil {
				return err
			}
			return do(cmd.Context(), *f, step)
		},
	}
	for _, field := range chaos.FieldsOf(fault) {
		usage := field.Doc
		if field.Required {
			usage += " (required)"
		}
		cmd.Flags().Var(fieldFlag{field}, field.Name, usage)
		if field.Unit == chaos.UnitBool {
			cmd.Flags().Lookup(field.Name).NoOptDefVal = "true"
		}
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if strings.HasPrefix(err.Error(), "unknown") {
			return fmt.Errorf("%w; %s has %s; gauntlet inject %s --help says more", err, k.Name, fieldNames(chaos.FieldsOf(fault)), k.Name)
		}
		return err
	})
	return cmd
}

// fieldNames lists the fields as flags.
func fieldNames(all []chaos.Field) string {
	if len(all) == 0 {
		return "no fields of its own"
	}
	words := make([]string, len(all))
	for i, f := range all {
		words[i] = "--" + f.Name
	}
	return strings.Join(words, ", ")
}

// unknownKind says which kinds there are, and which was probably meant.
func unknownKind(inject *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("inject: name a kind of fault: %s", strings.Join(kindsToInject(), ", "))
	}
	if f, err := chaos.New(args[0]); err == nil && !chaos.NeedsTarget(f) {
		return fmt.Errorf("%s changes the load of a run, and inject has none: make it a step of an experiment (gauntlet list %s)", args[0], args[0])
	}
	meant := ""
	if near := inject.SuggestionsFor(args[0]); len(near) > 0 {
		meant = fmt.Sprintf("did you mean %s? ", near[0])
	}
	return fmt.Errorf("%w %q: %sthere are: %s", chaos.ErrUnknownKind, args[0], meant, strings.Join(kindsToInject(), ", "))
}

// kindsToInject are the kinds that have targets.
func kindsToInject() []string {
	return slices.DeleteFunc(chaos.KindNames(), func(name string) bool {
		f, err := chaos.New(name)
		return err != nil || !chaos.NeedsTarget(f)
	})
}

// step is the fault with its targets, times and guards; all that is wrong at once.
func (f injectFlags) step(cmd *cobra.Command, fault chaos.Fault) (chaos.Step, error) {
	s := chaos.Step{For: f.length, Ramp: f.ramp, Fault: fault, Guard: chaos.Guard{KeepHealthy: f.keepHealthy, MaxShare: float64(f.maxPercent) / 100}}
	var errs []error
	if f.on == "" {
		errs = append(errs, errors.New(`--on is missing: say who is hit, such as --on db, --on "role=postgres-primary" or --on "tier=web pick=one"`))
	} else {
		var err error
		s.On, err = chaos.ParseSelector(f.on)
		errs = append(errs, err)
	}
	if f.length <= 0 || f.length > maxInjection {
		errs = append(errs, fmt.Errorf("--for %s: write a time up to 24h", f.length))
	}
	if f.maxPercent < 0 || f.maxPercent > 100 || cmd.Flags().Changed("max-percent") && f.maxPercent == 0 {
		errs = append(errs, fmt.Errorf("--max-percent %d: write 1 to 100", f.maxPercent))
	}
	if f.project != "" && f.topology != "" {
		errs = append(errs, errors.New("--project and --topology both say where: give one of them"))
	}
	for _, field := range chaos.FieldsOf(fault) {
		if field.Required && !cmd.Flags().Changed(field.Name) {
			errs = append(errs, fmt.Errorf("%s needs --%s: %s", fault.Kind(), field.Name, field.Doc))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return s, err
	}
	return s, s.Check()
}

// fieldFlag makes a field of a fault a flag.
type fieldFlag struct{ chaos.Field }

// Set parses the flag's text.
func (f fieldFlag) Set(text string) error { return f.Parse(text) }

// String is the default, as help shows it.
func (f fieldFlag) String() string { return f.Default }

// Type is one word for the unit.
func (f fieldFlag) Type() string {
	switch f.Unit {
	case chaos.UnitBool:
		return "bool"
	case chaos.UnitInteger:
		return "number"
	case chaos.UnitWords, chaos.UnitPorts:
		return string(f.Unit) + ",..."
	}
	return string(f.Unit)
}

// declared are the roles that the user defines.
func (f injectFlags) declared() ([]roles.Declared, error) {
	if f.roles == "" {
		return nil, nil
	}
	return spec.ReadRoles(f.roles)
}

// inject disturbs one project, or says what it would do.
func inject(ctx context.Context, f injectFlags, step chaos.Step) error {
	declared, err := f.declared()
	if err != nil {
		return err
	}
	s, err := attach(ctx, f.project, f.topology, declared)
	if err != nil {
		return err
	}
	defer s.close()
	if f.dryRun {
		return s.dryRun(ctx, f, step)
	}
	return s.inject(ctx, f, step)
}
