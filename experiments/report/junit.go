package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gauntlet/experiments/score"
)

// junitSuites, junitSuite and junitCase are the form that CI systems read.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Time      string      `xml:"time,attr,omitempty"` // seconds
	Timestamp string      `xml:"timestamp,attr,omitempty"`
	Cases     []junitCase `xml:"testcase"`
	Out       string      `xml:"system-out,omitempty"`
}

type junitCase struct {
	Class   string     `xml:"classname,attr"`
	Name    string     `xml:"name,attr"`
	Time    string     `xml:"time,attr,omitempty"`
	Failure *junitText `xml:"failure"`
	Error   *junitText `xml:"error"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the results as JUnit XML: a suite for each run with a case for each goal and one for the whole run. Where a gate
// decided over several runs there is one suite with its checks instead. What is unknown is an error, for no CI system may take it for a pass. It fails if w does.
func JUnit(w io.Writer, results []Result, gate []Check) error {
	all := junitSuites{Name: "gauntlet"}
	for _, r := range results {
		if !gated(gate, r.suite()) {
			all.Suites = append(all.Suites, r.junit())
		}
	}
	for i, c := range gate {
		if !gated(gate[:i], c.Suite) {
			all.Suites = append(all.Suites, gateSuite(c.Suite, results, gate))
		}
	}
	for _, s := range all.Suites {
		all.Tests, all.Failures, all.Errors = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors
	}
	out, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("results as JUnit XML: %w", err)
	}
	if _, err := io.WriteString(w, xml.Header+string(out)+"\n"); err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	return nil
}

// gated says whether a gate decided over a suite.
func gated(gate []Check, suite string) bool {
	return slices.ContainsFunc(gate, func(c Check) bool { return c.Suite == suite })
}

// gateSuite holds the gate's checks on a suite; its runs, of which one may miss a goal and be forgiven, are named below.
func gateSuite(suite string, results []Result, gate []Check) junitSuite {
	s := junitSuite{Name: xmlText("gate: " + suite)}
	for _, c := range gate {
		if c.Suite == suite {
			s.add(caseOf(suite, c.Name, c.Verdict, c.Text))
		}
	}
	var runs []string
	for _, r := range results {
		if r.suite() == suite {
			runs = append(runs, fmt.Sprintf("%s, score %s, recording: %s", verdictWord(r.verdict()), r.score(), or(r.Recording, "none")))
		}
	}
	s.Out = xmlText(strings.Join(runs, "\n"))
	return s
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Error != nil {
		s.Errors++
	}
}

func (r Result) junit() junitSuite {
	s := junitSuite{Name: xmlText(r.suite())}
	if r.Took > 0 {
		s.Time = fmt.Sprintf("%.3f", r.Took.Seconds())
	}
	if !r.Began.IsZero() {
		s.Timestamp = r.Began.UTC().Format(time.RFC3339)
	}
	run := caseOf(r.suite(), "run", r.verdict(), strings.Join(r.reasons(), "\n"))
	run.Time = s.Time
	s.add(run)
	for _, g := range r.Card.Goals {
		s.add(caseOf(r.suite(), g.Metric+" "+g.Goal, g.Verdict, remarks("measured "+measured(g), some(g.Why))))
	}
	s.Out = xmlText(fmt.Sprintf("score %s, grade %s\nrecording: %s", r.score(), or(r.Card.Grade, "none"), or(r.Recording, "none")))
	return s
}

func caseOf(class, name string, v score.Verdict, text string) junitCase {
	c := junitCase{Class: xmlText(class), Name: xmlText(name)}
	head, _, _ := strings.Cut(text, "\n")
	body := &junitText{Message: xmlText(or(head, verdictWord(v))), Text: xmlText(text)}
	switch v {
	case score.Pass:
	case score.Fail:
		c.Failure = body
	default:
		c.Error = body
	}
	return c
}

// xmlText drops what XML 1.0 can't hold; lines are kept.
func xmlText(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = clean(l)
	}
	return strings.Join(lines, "\n")
}
