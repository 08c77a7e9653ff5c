package chaos

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// Selector describes targets; it is resolved at the moment of injection. Empty fields match all; none matched is an error.
type Selector struct {
	Service   string // Compose service
	Container string // name as printed, such as "db-1"
	Role      string // live role, such as "postgres-primary"
	Tier      string
	Region    string
	Network   string   // attached to it; the runtime's name, or the part after the project's
	Label     string   // "name" or "name=value"
	Pick      string   // "all" (default), "one", a number, "N%", "minority", "majority"; drawn with the run's seed
	Exclude   []string // names that are never picked
}

// Check says what is wrong with the selector itself, whatever containers there are. A selector that names nobody, or
// only whom to exclude, is refused: "everything" must be asked for with pick: all.
func (s Selector) Check() error {
	whom := s
	whom.Exclude = nil
	if whom.String() == "" {
		return fmt.Errorf("%w: it names nobody: name a service, container, role, tier or region, or write pick: all", ErrBadSelector)
	}
	_, err := parsePick(s.Pick)
	return err
}

// String is the selector in one line, such as "role=postgres-primary pick=one"; "" if it is empty.
func (s Selector) String() string {
	var words []string
	for _, f := range s.fields() {
		if f.value != "" {
			words = append(words, f.name+"="+f.value)
		}
	}
	return strings.Join(words, " ")
}

type selectorField struct{ name, value string }

func (s Selector) fields() []selectorField {
	return []selectorField{
		{"service", s.Service}, {"container", s.Container}, {"role", s.Role}, {"tier", s.Tier}, {"region", s.Region},
		{"network", s.Network}, {"label", s.Label},
		{"pick", s.Pick}, {"exclude", strings.Join(s.Exclude, ",")},
	}
}

// Resolve draws the targets from all containers. The result is sorted by name and depends on the seed of rng and on the set of
// containers, never on their order. Only running containers are drawn. "minority", "majority" and "N%" (rounded up) count
// all that match, also those that are down or excluded, because a cluster does not shrink when a member is down.
//
// It fails with ErrNoTarget if nothing matches or fewer are running than were asked for, and with ErrBadSelector if the
// selector is wrong or excludes a name that does not exist.
func (s Selector) Resolve(all []Container, rng *rand.Rand) ([]Container, error) {
	p, err := parsePick(s.Pick)
	if err != nil {
		return nil, err
	}
	if err := s.checkExclude(all); err != nil {
		return nil, err
	}
	matching := s.matching(all)
	free := slices.DeleteFunc(slices.Clone(matching), func(c Container) bool { return c.State != Running || slices.Contains(s.Exclude, c.Name) })
	n := len(free)
	if !p.all {
		n = p.count(len(matching))
	}
	if n == 0 || n > len(free) {
		return nil, s.noTarget(all, matching, n)
	}
	return draw(free, n, rng), nil
}

func (s Selector) matching(all []Container) []Container {
	var out []Container
	for _, c := range all {
		if s.Matches(c) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, byName)
	return out
}

// Matches says whether the container fits, whatever Pick and Exclude say.
func (s Selector) Matches(c Container) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	return c.State != Gone && is(s.Service, c.Service) && is(s.Container, c.Name) && is(s.Tier, c.Tier) && is(s.Region, c.Region) &&
		(s.Role == "" || slices.Contains(c.Roles, s.Role)) && s.attached(c) && s.labelled(c)
}

func (s Selector) attached(c Container) bool {
	return s.Network == "" || slices.ContainsFunc(c.Networks, func(a Attachment) bool {
		return a.Network == s.Network || strings.HasSuffix(a.Network, "_"+s.Network)
	})
}

func (s Selector) labelled(c Container) bool {
	name, want, exact := strings.Cut(s.Label, "=")
	got, has := c.Labels[name]
	return s.Label == "" || has && (!exact || got == want)
}

// ParseSelector reads what String prints: key=value pairs with blanks between them, such as "role=postgres-primary pick=one".
// A word without "=" is a service.
func ParseSelector(text string) (Selector, error) {
	var s Selector
	set := map[string]*string{
		"service": &s.Service, "container": &s.Container, "role": &s.Role, "tier": &s.Tier, "region": &s.Region,
		"network": &s.Network, "label": &s.Label, "pick": &s.Pick,
	}
	for _, word := range strings.Fields(text) {
		key, value, ok := strings.Cut(word, "=")
		switch {
		case !ok:
			s.Service = word
		case key == "exclude":
			s.Exclude = split(value)
		case set[key] == nil:
			return s, fmt.Errorf("%w: unknown key %q in %q: write service, container, role, tier, region, network, label, pick or exclude", ErrBadSelector, key, text)
		default:
			*set[key] = value
		}
	}
	return s, s.Check()
}

// checkExclude refuses an exclusion that protects nobody: a misspelt name would leave the container it meant unprotected.
func (s Selector) checkExclude(all []Container) error {
	for _, name := range s.Exclude {
		if !slices.ContainsFunc(all, func(c Container) bool { return c.Name == name }) {
			return fmt.Errorf("%w: exclude %q: no such container; there are: %s", ErrBadSelector, name, listOf(all, func(c Container) []string { return []string{c.Name} }))
		}
	}
	return nil
}

// draw takes n of the containers, which are sorted. It asks rng only if there is a choice.
func draw(free []Container, n int, rng *rand.Rand) []Container {
	if n == len(free) {
		return free
	}
	out := make([]Container, n)
	for i, j := range rng.Perm(len(free))[:n] {
		out[i] = free[j]
	}
	slices.SortFunc(out, byName)
	return out
}

func byName(a, b Container) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
}

// noTarget says what was asked for and what there is.
func (s Selector) noTarget(all, matching []Container, want int) error {
	if len(matching) > 0 {
		return fmt.Errorf("%w for %q: %d wanted, but of those that match can be picked: %s", ErrNoTarget, s, max(want, 1), s.reasons(matching))
	}
	return fmt.Errorf("%w for %q: there are roles: %s; services: %s; tiers: %s; regions: %s", ErrNoTarget, s,
		listOf(all, func(c Container) []string { return c.Roles }),
		listOf(all, func(c Container) []string { return []string{c.Service} }),
		listOf(all, func(c Container) []string { return []string{c.Tier} }),
		listOf(all, func(c Container) []string { return []string{c.Region} }))
}

// reasons says of each matching container whether it could be picked, such as "db1 yes, db2 no (exited)".
func (s Selector) reasons(matching []Container) string {
	var out []string
	for _, c := range matching {
		switch {
		case c.State != Running:
			out = append(out, fmt.Sprintf("%s no (%s)", c.Name, c.State))
		case slices.Contains(s.Exclude, c.Name):
			out = append(out, c.Name+" no (excluded or disturbed already)")
		default:
			out = append(out, c.Name+" yes")
		}
	}
	return strings.Join(out, ", ")
}

// listOf is the sorted set of what the containers have, or "none".
func listOf(all []Container, have func(Container) []string) string {
	set := map[string]bool{}
	for _, c := range all {
		for _, v := range have(c) {
			set[v] = true
		}
	}
	delete(set, "")
	if len(set) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}
