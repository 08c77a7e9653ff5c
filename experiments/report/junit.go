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

// JUnit writes the results as JUnit XML: a suite for each run with a case for each goal and one for the whole run, and a suite
// for the gate. What is unknown is an error, for no CI system may take it for a pass. It fails if w does.
func JUnit(w io.Writer, results []Result, gate []Check) error {
	all := junitSuites{Name: "gauntlet"}
	for _, r := range results {
		all.add(r.junit())
	}
	for _, c := range gate {
		i := slices.IndexFunc(all.Suites, func(s junitSuite) bool { return s.Name == "gate: "+xmlText(c.Suite) })
		if i < 0 {
			i = len(all.Suites)
			all.Suites = append(all.Suites, junitSuite{Name: "gate: " + xmlText(c.Suite)})
		}
		all.Suites[i].add(caseOf(c.Suite, c.Name, c.Verdict, c.Text))
		all.count(all.Suites[i].Cases[len(all.Suites[i].Cases)-1])
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

func (a *junitSuites) add(s junitSuite) {
	a.Suites = append(a.Suites, s)
	for _, c := range s.Cases {
		a.count(c)
	}
}

func (a *junitSuites) count(c junitCase) {
	a.Tests++
	if c.Failure != nil {
		a.Failures++
	}
	if c.Error != nil {
		a.Errors++
	}
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
	s.Out = xmlText(fmt.Sprintf("score %s, grade %s\nrecording: %s", scoreRange(r.Card.Score), or(r.Card.Grade, "none"), or(r.Recording, "none")))
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
