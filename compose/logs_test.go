package compose

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/docker/pkg/stdcopy"
)

// One container prints the app's log, spans and what other programs say; each goes into its file, however the stream is cut up.
func TestLinesAreSorted(t *testing.T) {
	const at = "2026-11-30T12:00:00.123456789Z "
	const log, span = `{"timestamp":"2026","message":"listening"}`, `{"resourceSpans":[]}`
	var stream bytes.Buffer
	out, errs := stdcopy.NewStdWriter(&stream, stdcopy.Stdout), stdcopy.NewStdWriter(&stream, stdcopy.Stderr)
	fmt.Fprintln(out, at+log)
	fmt.Fprintln(errs, at+"database system is ready")
	fmt.Fprint(out, at+span[:5])
	fmt.Fprintln(errs, at+"a line between")
	fmt.Fprintln(out, span[5:])
	fmt.Fprint(out, at+"no end")

	dir := t.TempDir()
	file := func(name string) *lazyFile { return &lazyFile{name: filepath.Join(dir, name)} }
	s := &sorter{log: file("m.log"), app: file("m.jsonl"), traces: file("traces")}
	a, b := &lineWriter{line: s.line}, &lineWriter{line: s.line}
	if _, err := stdcopy.StdCopy(a, b, &stream); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func() error{a.end, b.end, s.log.close, s.app.close, s.traces.close} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"m.jsonl": log + "\n", "traces": span + "\n",
		"m.log": at + "database system is ready\n" + at + "a line between\n" + at + "no end\n",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
		}
	}
	if s.lines != 5 {
		t.Errorf("%d lines, want 5", s.lines)
	}
	if _, err := os.Stat(filepath.Join(dir, "never")); err == nil || file("never").close() != nil {
		t.Error("a file that nothing was written into is there")
	}
}
