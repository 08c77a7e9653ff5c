package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Refusal is why runs can't be compared: all reasons at once.
type Refusal struct{ Reasons []string }

// Error is all reasons, a line each.
func (r *Refusal) Error() string {
	return "these runs can't be compared:\n  " + strings.Join(r.Reasons, "\n  ")
}

// refuse finds what makes the groups' runs incomparable, nil if nothing does.
func refuse(groups []Group) error {
	var why []string
	for _, g := range groups {
		for _, r := range g.Runs {
			why = append(why, unfit(r)...)
		}
	}
	for _, name := range experiments(groups...) {
		why = append(why, setups(groups, name)...)
		why = append(why, seeds(groups, name)...)
	}
	if len(groups) > 1 && len(common(groups)) == 0 {
		why = append(why, "the groups have no experiment in common")
	}
	if len(why) == 0 {
		return nil
	}
	return &Refusal{why}
}

// unfit says why a run has nothing to say.
func unfit(r Run) []string {
	switch {
	case r.Behind > 0 && r.Void:
		return []string{fmt.Sprintf("generator health: in %s the load generator was behind in %d judged seconds; run it again", r.name(), r.Behind)}
	case r.Void:
		return []string{fmt.Sprintf("evidence: %s tells nothing (%s); run it again", r.name(), strings.Join(first(r.Why, 2), "; "))}
	default:
		return nil
	}
}

func first(all []string, n int) []string { return all[:min(n, len(all))] }

// setups compares each run of an experiment with the first one; a reason is given once per group.
func setups(groups []Group, experiment string) []string {
	var out []string
	var ref *Run
	for _, g := range groups {
		for _, r := range g.of(experiment) {
			if ref == nil {
				ref = &r
				continue
			}
			for _, d := range Differences(ref.Setup, r.Setup) {
				if line := fmt.Sprintf("%s of %s in %s", d, experiment, g.Name); !slices.Contains(out, line) {
					out = append(out, line)
				}
			}
		}
	}
	return out
}

// Differences names what differs between two setups: load, client model, schedule; none if they are comparable.
func Differences(a, b Setup) []string {
	var out []string
	if a.Rate != b.Rate {
		out = append(out, fmt.Sprintf("load: %g/s became %g/s", a.Rate, b.Rate))
	} else if !slices.Equal(a.Ops, b.Ops) {
		out = append(out, fmt.Sprintf("load: the mix %s became %s", mix(a), mix(b)))
	}
	if a.Timeout != b.Timeout {
		out = append(out, fmt.Sprintf("client model: the time-out of %s became %s", a.Timeout, b.Timeout))
	}
	if a.Limit != b.Limit {
		out = append(out, fmt.Sprintf("load: the limit of %s became %s", a.Limit, b.Limit))
	}
	if a.Client != b.Client && a.Rate == b.Rate && a.Timeout == b.Timeout {
		out = append(out, fmt.Sprintf("client model: %q became %q", a.Client, b.Client))
	}
	if x, y := float64(a.Planned), float64(b.Planned); slices.Equal(a.Schedule, b.Schedule) && math.Abs(x-y) > max(0.01*max(x, y), chance*math.Sqrt(max(x, y))) {
		out = append(out, fmt.Sprintf("load: %d planned requests became %d", a.Planned, b.Planned))
	}
	if !slices.Equal(a.Schedule, b.Schedule) {
		out = append(out, fmt.Sprintf("schedule: [%s] became [%s]", strings.Join(a.Schedule, ", "), strings.Join(b.Schedule, ", ")))
	}
	return out
}

// chance is how many standard deviations of a random (Poisson) schedule's length are no difference of load.
const chance = 6

func mix(s Setup) string {
	var parts []string
	for _, op := range s.Ops {
		parts = append(parts, fmt.Sprintf("%s %g/s", op.Name, op.Rate))
	}
	return strings.Join(parts, ", ")
}

// seeds refuses groups that draw their chances differently: one with a seed of its own for each run, another with one seed.
func seeds(groups []Group, experiment string) []string {
	var out []string
	var ref []uint64
	for _, g := range groups {
		var got []uint64
		for _, r := range g.of(experiment) {
			if i, found := slices.BinarySearch(got, r.Seed); !found {
				got = slices.Insert(got, i, r.Seed)
			}
		}
		switch {
		case len(got) == 0:
		case ref == nil:
			ref = got
		case !slices.Equal(ref, got):
			out = append(out, fmt.Sprintf("seed policy: %s ran with seeds %v, and in %s with %v", experiment, ref, g.Name, got))
		}
	}
	return out
}

// common are the experiments that each group has.
func common(groups []Group) []string {
	return slices.DeleteFunc(experiments(groups...), func(name string) bool {
		return slices.ContainsFunc(groups, func(g Group) bool { return len(g.of(name)) == 0 })
	})
}

// WithoutVoid leaves out the runs from which nothing may be concluded and says how many in each group.
func WithoutVoid(groups []Group) ([]Group, []string) {
	var out []Group
	var notes []string
	for _, g := range groups {
		kept := slices.DeleteFunc(slices.Clone(g.Runs), func(r Run) bool { return unfit(r) != nil })
		if n := len(g.Runs) - len(kept); n > 0 {
			notes = append(notes, fmt.Sprintf("%s: %d of %d runs were left out because nothing may be concluded from them; if they are void because of what is compared, this flatters it", g.Name, n, len(g.Runs)))
		}
		if len(kept) > 0 {
			out = append(out, Group{g.Name, kept})
		}
	}
	return out, notes
}

// remarks are what a reader must know though it is no reason to refuse.
func remarks(groups []Group) []string {
	var out []string
	machines, versions, promises := map[string][]string{}, map[string]bool{}, map[bool][]string{}
	var order []string
	for _, g := range groups {
		for _, r := range g.Runs {
			m := fingerprint(r)
			if len(machines[m]) == 0 {
				order = append(order, m)
			}
			machines[m] = appendNew(machines[m], g.Name)
			versions[r.Machine.Gauntlet] = true
			promises[r.Sync] = appendNew(promises[r.Sync], g.Name)
		}
	}
	if len(machines) > 1 {
		out = append(out, fmt.Sprintf("the runs took place on %d machines (%s): a difference may be the machines'", len(machines), strings.Join(order, "; ")))
	}
	if len(versions) > 1 {
		out = append(out, "the runs were made by different versions of Gauntlet; all are scored by this one")
	}
	if len(promises) == 2 {
		out = append(out, fmt.Sprintf("promises differ: %s says that no acknowledged write is lost, %s does not, so that losing one is capped only there",
			strings.Join(promises[true], ", "), strings.Join(promises[false], ", ")))
	}
	return append(out, blocks(groups)...)
}

func appendNew(all []string, s string) []string {
	if slices.Contains(all, s) {
		return all
	}
	return append(all, s)
}

// fingerprint is the machine as far as it bears on times.
func fingerprint(r Run) string {
	m := r.Machine
	return fmt.Sprintf("%d CPUs, %.1f GiB, %s/%s, kernel %s, engine %s", m.CPUs, float64(m.MemoryBytes)/(1<<30), m.OS, m.Arch, m.Kernel, m.Engine)
}

// blocks warns if all runs of one group took place before all of another: then whatever changed on the machine in between
// looks like a difference.
func blocks(groups []Group) []string {
	var out []string
	for i, a := range groups {
		for _, b := range groups[i+1:] {
			if len(a.Runs) > 1 && len(b.Runs) > 1 && (before(a, b) || before(b, a)) {
				out = append(out, fmt.Sprintf("%s and %s were not interleaved: what changed on the machine between them looks like a difference; gauntlet compare EXPERIMENT --topologies interleaves", a.Name, b.Name))
			}
		}
	}
	return out
}

func before(a, b Group) bool {
	for _, x := range a.Runs {
		for _, y := range b.Runs {
			if !x.Origin.Before(y.Origin) {
				return false
			}
		}
	}
	return true
}
