package compare

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// Sensitivity says whether the order of the groups is the weights' doing.
type Sensitivity struct {
	Draws int                `json:"draws"`
	Holds float64            `json:"holds"` // share of random weightings, in [0,1], in which the order of all groups is the same
	Order []string           `json:"order"` // the best first, by the formula's own weights
	Wins  map[string]float64 `json:"wins"`  // share of weightings in which a group is the best
}

// weightDraws is the number of random weightings.
const weightDraws = 1000

// sensitivity ranks the groups again under random weightings of the score's parts, all weightings being equally likely (a
// Dirichlet distribution with all parameters 1). Caps stay. nil for fewer than two groups.
func sensitivity(groups []Group, names []string, o Options) *Sensitivity {
	if len(groups) < 2 || len(names) == 0 {
		return nil
	}
	rng := rand.New(rand.NewPCG(o.Seed, 4))
	parts := partNames(groups)
	own := ranking(groups, names, nil)
	s := &Sensitivity{Draws: weightDraws, Wins: map[string]float64{}}
	for _, i := range own {
		s.Order = append(s.Order, groups[i].Name)
	}
	held, wins := 0, map[string]int{}
	for range weightDraws {
		weights := map[string]float64{}
		for _, p := range parts {
			weights[p] = rng.ExpFloat64() // shares of exponential variates are a Dirichlet draw
		}
		got := ranking(groups, names, weights)
		if slices.Equal(got, own) {
			held++
		}
		wins[groups[got[0]].Name]++
	}
	s.Holds = float64(held) / weightDraws
	for name, n := range wins {
		s.Wins[name] = float64(n) / weightDraws
	}
	return s
}

func partNames(groups []Group) []string {
	var out []string
	for _, g := range groups {
		for _, r := range g.Runs {
			for _, p := range r.Parts {
				out = appendNew(out, p.Name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// ranking is the order of the groups by R, the best first, with the parts weighted so; nil: by the formula.
func ranking(groups []Group, names []string, weights map[string]float64) []int {
	rs := make([]float64, len(groups))
	order := make([]int, len(groups))
	for i, g := range groups {
		var scores []float64
		for _, name := range names {
			var runs []float64
			for _, r := range g.of(name) {
				runs = append(runs, r.weighted(weights))
			}
			scores = append(scores, mean(runs))
		}
		rs[i], order[i] = combine(scores), i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(rs[j], rs[i]) })
	return order
}

// weighted is the run's score with other weights.
func (r Run) weighted(weights map[string]float64) float64 {
	if weights == nil {
		return r.Score.Value
	}
	var sum, all float64
	for _, p := range r.Parts {
		sum, all = sum+weights[p.Name]*p.Utility, all+weights[p.Name]
	}
	if all == 0 {
		return r.Score.Value
	}
	return min(r.Limit, 100*sum/all)
}
