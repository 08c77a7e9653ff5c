package compose

import (
	"fmt"
	"slices"
	"strings"
)

// stages is the part of a Dockerfile that makes one target.
//
// Note: engines without BuildKit build every stage that stands above the target, so that a new executable of the app would
// wait for a database to be installed. Hence the builds are given only what they need.
type stages struct {
	text   string   // the stages that the target is made from, in order, without comments
	copies []string // the files of the build context that they take
}

// stagesOf cuts out of a Dockerfile what makes target.
func stagesOf(dockerfile, target string) (stages, error) {
	texts, from := splitStages(dockerfile)
	if texts[target] == "" {
		return stages{}, fmt.Errorf("the Dockerfile has no stage %q", target)
	}
	var out stages
	for name := target; texts[name] != ""; name = from[name] {
		out.text = texts[name] + out.text
	}
	for line := range strings.Lines(out.text) {
		if fields := strings.Fields(line); fields[0] == "COPY" {
			out.copies = append(out.copies, fields[1:len(fields)-1]...)
		}
	}
	slices.Sort(out.copies)
	return out, nil
}

// splitStages returns the text of each stage by name, and the name of what it is built from.
func splitStages(dockerfile string) (texts, from map[string]string) {
	texts, from = map[string]string{}, map[string]string{}
	name := ""
	for line := range strings.Lines(dockerfile) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if fields[0] == "FROM" && len(fields) == 4 {
			name = fields[3]
			from[name] = fields[1]
		}
		texts[name] += line
	}
	return texts, from
}
