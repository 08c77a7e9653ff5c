package peers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// values are what was measured, by tool and quantity.
type values map[string]map[string][]float64

func (v values) add(tool, what string, x float64) {
	if v[tool] == nil {
		v[tool] = map[string][]float64{}
	}
	v[tool][what] = append(v[tool][what], x)
}

// of is the median; 0 if nothing was measured.
func (v values) of(tool, what string) float64 {
	x := slices.Sorted(slices.Values(v[tool][what]))
	if len(x) == 0 {
		return 0
	}
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// print writes a Markdown table of medians, a row for each tool, in this order of quantities.
func (v values) print(title string, what ...string) {
	fmt.Printf("\n%s\n\n| tool | %s |\n|---|%s\n", title, strings.Join(what, " | "), strings.Repeat("---|", len(what)))
	for _, name := range slices.Sorted(maps.Keys(v)) {
		row := []string{name}
		for _, w := range what {
			if len(v[name][w]) == 0 {
				row = append(row, "not told")
				continue
			}
			row = append(row, fmt.Sprintf("%.4g", v.of(name, w)))
		}
		fmt.Printf("| %s |\n", strings.Join(row, " | "))
	}
}

// ratio reports our median as a multiple of another tool's, where that was measured.
func (v values) ratio(b *testing.B, what string, others ...string) {
	for _, o := range others {
		if x := v.of(o, what); x > 0 {
			b.ReportMetric(v.of("gauntlet", what)/x, strings.ReplaceAll(what, " ", "-")+"/"+strings.ReplaceAll(o, " ", "-"))
		}
	}
}
