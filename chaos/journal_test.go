package chaos_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/chaostest"
)

const project = "shop"

func mustOpen(t *testing.T, dir string) *chaos.Journal {
	t.Helper()
	j, err := chaos.OpenJournal(dir, project)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func planOf(t *testing.T, f chaos.Fault, on ...chaos.Container) []chaos.Action {
	t.Helper()
	actions, err := f.Plan(chaos.Scene{All: on}, on)
	if err != nil {
		t.Fatal(err)
	}
	return actions
}

func openEntries(t *testing.T, j *chaos.Journal) (open []chaos.Intent, unreadable int) {
	t.Helper()
	open, unreadable, err := j.Open()
	if err != nil {
		t.Fatal(err)
	}
	return open, unreadable
}

func TestJournalOutlivesItsProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "undo")
	j := mustOpen(t, dir)
	on := []chaos.Container{{ID: "1", Name: "db1"}, {ID: "2", Name: "db2"}}
	first, err := j.Begin(&chaos.Kill{}, planOf(t, &chaos.Kill{}, on...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Begin(&chaos.Stop{Timeout: 5e9}, planOf(t, &chaos.Stop{Timeout: 5e9}, on[1:]...)); err != nil {
		t.Fatal(err)
	}
	if err := j.Done(first); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	open, unreadable := openEntries(t, mustOpen(t, dir))
	if len(open) != 1 || unreadable != 0 {
		t.Fatalf("open = %+v, %d unreadable; want the stop", open, unreadable)
	}
	if in := open[0]; in.Kind != "stop" || string(in.Fault) != `{"Timeout":5000000000}` || in.Process != os.Getpid() || !slices.Equal(in.Targets(), []chaos.Target{{ID: "2", Name: "db2"}}) {
		t.Errorf("entry = %+v", in)
	}
	if projects, err := chaos.JournalProjects(dir); err != nil || !slices.Equal(projects, []string{project}) {
		t.Errorf("projects = %v, %v", projects, err)
	}
}

// TestJournalTornLine: a crash in the middle of writing spoils that line only, also for those who write later.
func TestJournalTornLine(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir)
	if _, err := j.Begin(&chaos.Kill{}, planOf(t, &chaos.Kill{}, chaos.Container{ID: "1", Name: "db1"})); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, project+".jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, text[:len(text)/2]...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Begin(&chaos.Pause{}, planOf(t, &chaos.Pause{}, chaos.Container{ID: "2", Name: "db2"})); err != nil {
		t.Fatal(err)
	}
	open, unreadable := openEntries(t, j)
	if len(open) != 2 || open[1].Kind != "pause" || unreadable != 1 {
		t.Errorf("open = %+v, %d unreadable; want kill and pause, and 1", open, unreadable)
	}
}

func TestJournalRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"", "..", "a/b", ".hidden", "/etc/passwd"} {
		if _, err := chaos.OpenJournal(dir, name); err == nil {
			t.Errorf("OpenJournal(%q) = nil, want an error", name)
		}
	}
	mustOpen(t, dir)
	if _, err := chaos.OpenJournal(dir, project); !errors.Is(err, chaos.ErrBusy) {
		t.Errorf("second OpenJournal = %v, want %v", err, chaos.ErrBusy)
	}
	if _, err := chaos.JournalProjects(filepath.Join(dir, "none")); err != nil {
		t.Errorf("no folder is no projects, got %v", err)
	}
}

func TestHealAll(t *testing.T) {
	f := chaostest.NewFake(cluster()...)
	j := mustOpen(t, t.TempDir())
	on := []chaos.Container{{ID: "id-db1", Name: "db1"}, {ID: "id-db2", Name: "db2"}, {ID: "id-removed", Name: "old"}}
	if _, err := j.Begin(&chaos.Kill{}, planOf(t, &chaos.Kill{}, on...)); err != nil {
		t.Fatal(err)
	}
	f.Set("id-db1", chaos.Exited)
	report, err := chaos.HealAll(t.Context(), f, j, nil)
	if want := "healed: cache, db1; ran already: db2; gone: old"; err != nil || report.String() != want {
		t.Errorf("HealAll = %q, %v; want %q", report, err, want)
	}
	if _, err := f.Answer("id-web2"); err == nil {
		t.Error("web2 was down before and in no log, yet it was started")
	}
	if report, err = chaos.HealAll(t.Context(), f, j); err != nil || report.String() != "nothing to heal" {
		t.Errorf("second HealAll = %q, %v", report, err)
	}
}

// TestHealAllWaitsForACutOffInjection: the process died right after it asked, and the engine acts after HealAll first looked.
func TestHealAllWaitsForACutOffInjection(t *testing.T) {
	tests := []struct {
		fault chaos.Fault
		acts  time.Duration
	}{{&chaos.Kill{}, 500 * time.Millisecond}, {&chaos.Stop{Timeout: 10 * sec}, 9 * sec}}
	for _, tt := range tests {
		bubble(t, func(t *testing.T, r *rig) {
			j := mustOpen(t, t.TempDir())
			if _, err := j.Begin(tt.fault, planOf(t, tt.fault, chaos.Container{ID: "id-db1", Name: "db1"})); err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(tt.acts, func() { r.Set("id-db1", chaos.Exited) })
			report, err := chaos.HealAll(t.Context(), r, j)
			if took := time.Since(r.start); err != nil || !slices.Contains(report.Undone, "db1") || took > tt.acts+sec {
				t.Errorf("%s: HealAll = %q, %v after %s; want db1 healed soon after %s", tt.fault.Kind(), report, err, took, tt.acts)
			}
			r.mustRun()
		})
	}
}

func TestHealAllFails(t *testing.T) {
	f := chaostest.NewFake(cluster()...)
	f.Fail(chaostest.Failure{Op: string(chaos.VerbStart), ID: "id-db1", Err: errors.New("broken"), Times: -1})
	f.Set("id-db1", chaos.Exited)
	j := mustOpen(t, t.TempDir())
	if _, err := j.Begin(&chaos.Kill{}, planOf(t, &chaos.Kill{}, chaos.Container{ID: "id-db1", Name: "db1"})); err != nil {
		t.Fatal(err)
	}
	report, err := chaos.HealAll(t.Context(), f, j)
	if !errors.Is(err, chaos.ErrStillDisturbed) || !slices.Equal(report.Failed, []string{"db1"}) || !strings.Contains(report.String(), "STILL DISTURBED: db1") {
		t.Errorf("HealAll = %q, %v; want %v of db1", report, err, chaos.ErrStillDisturbed)
	}
	if !slices.Equal(report.Undone, []string{"cache"}) {
		t.Errorf("undone = %v, want cache all the same", report.Undone)
	}
	if open, _ := openEntries(t, j); len(open) != 1 {
		t.Errorf("%d open entries, want the failed one", len(open))
	}
}

// TestHealAllBesideALiveRun undoes but does not mark: the live one may be about to act.
func TestHealAllBesideALiveRun(t *testing.T) {
	f, dir := chaostest.NewFake(cluster()...), t.TempDir()
	live := mustOpen(t, dir)
	if _, err := live.Begin(&chaos.Kill{}, planOf(t, &chaos.Kill{}, chaos.Container{ID: "id-db1", Name: "db1"})); err != nil {
		t.Fatal(err)
	}
	f.Set("id-db1", chaos.Exited)
	peek, err := chaos.PeekJournal(dir, project)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peek.Close() }()
	if report, err := chaos.HealAll(t.Context(), f, peek); err != nil || !slices.Contains(report.Undone, "db1") {
		t.Errorf("HealAll = %q, %v; want db1 healed", report, err)
	}
	if open, _ := openEntries(t, live); len(open) != 1 {
		t.Errorf("%d open entries, want 1 as long as the writer lives", len(open))
	}
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := chaos.HealAll(t.Context(), f, peek); err != nil {
		t.Error(err)
	}
	if open, _ := openEntries(t, peek); len(open) != 0 {
		t.Errorf("%d open entries, want none after the writer ended", len(open))
	}
}
