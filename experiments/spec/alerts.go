package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"

	"gauntlet/experiments/monitor"
)

// AlertFile is a Prometheus rule file that an experiment names.
type AlertFile struct {
	Path string // "reference", or a path as seen from here
	Line int
}

// maxScale is the largest time scale: with it, five minutes are five seconds.
const maxScale = 60

func (p *problems) alerts(o object, e *Experiment) {
	e.Alerts = nil
	for _, n := range p.list(o, "alerts") {
		n = resolve(n)
		switch {
		case n.Kind != yaml.ScalarNode || strings.TrimSpace(n.Value) == "":
			p.at(n, "write alerts: [reference] or alerts: [my-rules.yaml]", "alerts must be a list of rule files")
		case n.Value == monitor.Reference.Name || filepath.IsAbs(n.Value):
			e.Alerts = append(e.Alerts, AlertFile{n.Value, n.Line})
		default:
			e.Alerts = append(e.Alerts, AlertFile{filepath.Join(filepath.Dir(e.File), n.Value), n.Line})
		}
	}
	e.Scale = p.number(o, "time_scale", 1)
	if e.Scale < 1 || e.Scale > maxScale {
		p.at(o.where("time_scale"), fmt.Sprintf("write a number from 1 to %d; all times of the rules are divided by it", maxScale), "time_scale does not fit")
	}
	if o.has("time_scale") && len(e.Alerts) == 0 {
		p.at(o.where("time_scale"), "remove it, or add alerts: [reference]", "time_scale without alerts has no effect")
	}
}

// AlertRules are the rules of the files that the experiment names, as they were when the experiment was loaded; of one that was not
// loaded from a file they are read now. The error says all that is wrong with them, by file and line.
func (e Experiment) AlertRules() ([]monitor.File, monitor.Rules, error) {
	p := &problems{file: e.File}
	var files []monitor.File
	for _, a := range e.Alerts {
		if a.Path == monitor.Reference.Name {
			files = append(files, monitor.Reference)
			continue
		}
		text, err := e.rules[a.Path], error(nil)
		if text == "" {
			var read []byte
			read, err = readFile(a.Path)
			text = string(read)
		}
		if err != nil {
			mend := "check its permissions"
			if errors.Is(err, fs.ErrNotExist) {
				mend = "write the path from this file's folder, or reference for the reference topologies' own rules"
			}
			p.at(&yaml.Node{Line: a.Line}, mend, "rule file %s can't be read: %v", a.Path, err)
			continue
		}
		files = append(files, monitor.File{Name: a.Path, Text: text})
	}
	rules, err := monitor.Parse(files, e.Scale)
	return files, rules, errors.Join(p.err(), err)
}
