package monitor

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var origin = time.Unix(1_700_000_000, 0).UTC()

const errorRatio = `groups:
  - name: test
    interval: 1s
    rules:
      - record: errors
        expr: sum(rate(answers_total{code="5xx"}[1m])) / sum(rate(answers_total[1m]))
      - alert: Errors
        expr: errors > 0.01
        for: 5m
        labels: {severity: page}
`

func mustParse(t *testing.T, text string, scale float64) Rules {
	t.Helper()
	r, err := Parse([]File{{"test.yaml", text}}, scale)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func scratch(t *testing.T) *Store {
	t.Helper()
	s, err := Scratch()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// outage feeds 100 requests a second, all of which fail for the given time from second 120 on, and returns when the alert fired and
// when it resolved, in seconds after the outage's beginning and its end.
func outage(t *testing.T, r Rules, length int) (fired, resolved int) {
	t.Helper()
	s, bad, good := scratch(t), 0.0, 0.0
	eval := NewEvaluator(s, r)
	fired, resolved = -1, -1
	for sec := range 120 + length + 400 {
		if sec >= 120 && sec < 120+length {
			bad += 100
		} else {
			good += 100
		}
		at := origin.Add(time.Duration(sec) * time.Second)
		err := s.Append(context.Background(), at, []Sample{{"answers_total", []string{"code", "5xx"}, bad}, {"answers_total", []string{"code", "2xx"}, good}})
		if err != nil {
			t.Fatal(err)
		}
		changes, err := eval.Eval(context.Background(), at)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			switch {
			case c.To == Firing:
				fired = sec - 120
			case c.To == Inactive && fired >= 0:
				resolved = sec - 120 - length
			}
		}
	}
	return fired, resolved
}

// The table of what ">1 % errors for 5 min" sees, as it was measured with Prometheus itself: a ratio over 1m with "for: 5m" is silent
// for all that is shorter than 4 min, and fires 5 min after the beginning.
func TestWhatTheErrorRuleSees(t *testing.T) {
	for _, c := range []struct{ length, fires, resolves int }{{20, -1, -1}, {230, -1, -1}, {290, 300, 58}, {400, 300, 58}} {
		fired, resolved := outage(t, mustParse(t, errorRatio, 1), c.length)
		if near(fired, c.fires) && near(resolved, c.resolves) {
			continue
		}
		t.Errorf("outage of %d s: fired after %d s and resolved after %d s, want about %d and %d", c.length, fired, resolved, c.fires, c.resolves)
	}
}

// near is within one scrape and one evaluation.
func near(got, want int) bool { return got >= want-2 && got <= want+2 && (got < 0) == (want < 0) }

func TestTimeScaleDividesAllTimes(t *testing.T) {
	r := mustParse(t, errorRatio, 10)
	if fired, resolved := outage(t, r, 29); !near(fired, 30) || !near(resolved, 5) {
		t.Errorf("outage of 29 s at scale 10: fired after %d s, resolved after %d s, want about 30 and 5", fired, resolved)
	}
	if r.Scrape() != Shortest {
		t.Errorf("scraped every %s, want %s", r.Scrape(), Shortest)
	}
	if got := r.Reads("Errors"); len(got) != 1 || got[0] != "answers_total" {
		t.Errorf("the alert reads %v, want what its recording rule reads", got)
	}
}

func TestRuleFilesAreCheckedWhole(t *testing.T) {
	_, err := Parse([]File{{"one.yaml", "groups:\n  - name: a\n    rules:\n      - alert: X\n        expr: sum(\n"}, {"two.yaml", "groupz: []\n"}}, 1)
	if err == nil || !strings.Contains(err.Error(), "one.yaml:5:") || !strings.Contains(err.Error(), "two.yaml:") {
		t.Errorf("error = %v, want both files, with lines", err)
	}
	if _, err := Parse([]File{Reference}, 10); err != nil {
		t.Errorf("the reference rules: %v", err)
	}
}

func TestScrapeEndsTheSeriesOfATargetThatIsGone(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "# TYPE jobs gauge\njobs{queue=\"a\",instance=\"own\"} 7\n")
	}))
	s := scratch(t)
	sc := NewScraper(s, []Target{{"web", "web1", srv.URL}}, time.Second)
	defer sc.Close()
	count := func(at time.Time, query string) string {
		vec, err := s.query(t.Context(), query, at)
		if err != nil {
			t.Fatal(err)
		}
		return vec.String()
	}
	if err := sc.Scrape(t.Context(), origin); err != nil {
		t.Fatal(err)
	}
	if got := count(origin, `jobs{job="web",instance="web1",exported_instance="own"}`); !strings.Contains(got, "=> 7") {
		t.Errorf("scraped %q, want 7", got)
	}
	srv.Close()
	later := origin.Add(5 * time.Second)
	if err := sc.Scrape(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	if got := count(later, `absent(jobs) + on() up`); !strings.Contains(got, "=> 1") {
		t.Errorf("after the target was gone: %q, want no jobs and up 0", got)
	}
}

func TestDatabaseIsThereAgainWhenItIsOpenedAgain(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), origin, []Sample{{"x", nil, 3}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if vec, err := s.query(t.Context(), "x", origin); err != nil || len(vec) != 1 || vec[0].F != 3 {
		t.Errorf("x = %v, %v; want 3", vec, err)
	}
}
