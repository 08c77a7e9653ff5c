package report

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"gauntlet/experiments/score"
)

// results are one of each verdict, and one run that could not be carried out.
func results() ([]Result, []Check) {
	began := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	broken := Result{Card: score.Card{Experiment: "web-crash", Topology: "replicated"}, Began: began, Took: 3 * time.Second, Err: "start replicated: port 18080 is in use"}
	all := []Result{
		{Card: passCard(), Recording: "runs/a", Began: began, Took: 95 * time.Second},
		{Card: failCard(), Recording: "runs/b", Began: began, Took: 95 * time.Second},
		{Card: unknownCard(), Recording: "runs/c", Began: began, Took: 95 * time.Second},
		broken,
	}
	return all, []Check{
		{"primary-kill on replicated", "write_outage at most 10s", score.Pass, "held in 1 of 2 runs, missed in 0"},
		{"primary-kill on replicated", "write_outage against the baseline", score.Fail, "median 4.90 s, was 3.10 s in 5 runs; p = 0.012 after Holm"},
	}
}

func TestJUnitAndSummaryGoldens(t *testing.T) {
	all, gate := results()
	var junit, md strings.Builder
	if err := JUnit(&junit, all, gate); err != nil {
		t.Fatal(err)
	}
	if err := Summary(&md, all, gate); err != nil {
		t.Fatal(err)
	}
	golden(t, "junit.xml", []byte(junit.String()))
	golden(t, "summary.md", []byte(md.String()))
}

// The sums on each level are those of the cases, and what is unknown is an error, never a pass.
func TestJUnitCounts(t *testing.T) {
	all, gate := results()
	var b strings.Builder
	if err := JUnit(&b, all, gate); err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	var tests, failures, errs int
	for _, s := range got.Suites {
		if s.Tests != len(s.Cases) {
			t.Errorf("%s: %d tests, %d cases", s.Name, s.Tests, len(s.Cases))
		}
		for _, c := range s.Cases {
			tests++
			if c.Failure != nil {
				failures++
			}
			if c.Error != nil {
				errs++
			}
		}
	}
	if got.Tests != tests || got.Failures != failures || got.Errors != errs || failures == 0 || errs == 0 {
		t.Errorf("%d tests, %d failures, %d errors; the cases have %d, %d, %d", got.Tests, got.Failures, got.Errors, tests, failures, errs)
	}
	if len(got.Suites) != 3 {
		t.Fatalf("%d suites, want one for the gate and one for each run that it did not decide over", len(got.Suites))
	}
	if run := got.Suites[1].Cases[0]; run.Error == nil || !strings.Contains(run.Error.Text, "port 18080") {
		t.Errorf("a run that could not be carried out: %+v", run)
	}
	b.Reset()
	if err := JUnit(&b, all[2:3], nil); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `errors="4"`) {
		t.Errorf("an unknown run is no error:\n%s", b.String())
	}
}

// A run that left something behind can't be a pass, whatever its card says.
func TestAnErrorIsNeverAPass(t *testing.T) {
	r := Result{Card: passCard(), Err: "not clean: web1 is left"}
	if r.verdict() != score.Unknown {
		t.Errorf("verdict %s", r.verdict())
	}
	var b strings.Builder
	if err := Summary(&b, []Result{r}, nil); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "0 passed, 0 failed, 1 unknown") || !strings.Contains(b.String(), "web1 is left") {
		t.Error(b.String())
	}
}

// Names and reasons from a recording can't break out of XML or Markdown.
func TestCIFormsAreEscaped(t *testing.T) {
	const evil = "]]><x>&\x00\x1b[31m|`*\n# x<script>\ufffe"
	r := Result{Card: score.Card{Experiment: evil, Topology: evil, Verdict: score.Fail, Why: []string{evil}, Goals: []score.Measure{{Metric: evil, Goal: evil, Verdict: score.Fail}}}, Recording: evil}
	var junit, md strings.Builder
	if err := JUnit(&junit, []Result{r}, []Check{{evil, evil, score.Unknown, evil}}); err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal([]byte(junit.String()), &junitSuites{}); err != nil {
		t.Errorf("not XML: %v\n%s", err, junit.String())
	}
	if err := Summary(&md, []Result{r}, []Check{{evil, evil, score.Unknown, evil}}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(md.String(), "<script>") || strings.Contains(md.String(), "\n# x") || strings.Contains(md.String(), "\x1b") {
		t.Error(md.String())
	}
}
