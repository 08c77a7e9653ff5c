package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Error is one thing that is wrong with a file.
type Error struct {
	File    string
	Line    int // from 1
	Column  int // from 1
	Problem string
	Mend    string // what to do about it
}

// Error is "file:line:column: problem; mend".
func (e Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s; %s", e.File, e.Line, e.Column, e.Problem, e.Mend)
}

// Errors is all that is wrong with a file, in the order of its lines. It is never empty.
type Errors []Error

// Error is one line for each.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// longestEcho bounds how much of a wrong value is repeated in an error, in bytes.
const longestEcho = 100

// problems collects what is wrong with one file.
type problems struct {
	file string
	all  Errors
}

// at notes a problem where n stands.
func (p *problems) at(n *yaml.Node, mend, format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok && len(s) > longestEcho {
			args[i] = strings.ToValidUTF8(s[:longestEcho], "") + "..."
		}
	}
	line, column := max(1, n.Line), max(1, n.Column)
	p.all = append(p.all, Error{File: p.file, Line: line, Column: column, Problem: fmt.Sprintf(format, args...), Mend: mend})
}

// err is the sorted Errors, or nil. What an alias brings in twice is said once.
func (p *problems) err() error {
	if len(p.all) == 0 {
		return nil
	}
	slices.SortStableFunc(p.all, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	p.all = slices.Compact(p.all)
	return p.all
}

// among says which name was probably meant, and which there are.
func among(what, name string, names []string) string {
	list := what + ": " + strings.Join(names, ", ")
	if near := nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %q? %s", near, list)
	}
	return list
}

// nearest is the name that is at most two edits away, small and capital letters being the same, else the first one that
// the word is a part of, such as postgres-primary for primary. It is "" if there is none or the word is too short to tell.
func nearest(word string, names []string) string {
	best, least := "", 3
	for _, n := range names {
		d := edits(strings.ToLower(word), strings.ToLower(n))
		if d == 2 && !sameStart(word, n) {
			continue // two slips of which one is at the very beginning: rather another word
		}
		if d < least && d < len(word) {
			best, least = n, d
		}
	}
	if best != "" || len(word) < 3 {
		return best
	}
	if i := slices.IndexFunc(names, func(n string) bool { return strings.Contains(n, word) }); i >= 0 {
		return names[i]
	}
	return ""
}

func sameStart(a, b string) bool {
	return a != "" && b != "" && strings.EqualFold(a[:1], b[:1])
}

// longestWord bounds edits, whose cost grows with the product of the lengths. No name is longer.
const longestWord = 64

// edits is the Levenshtein distance; words that are too long are far from all.
func edits(a, b string) int {
	if len(a) > longestWord {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
