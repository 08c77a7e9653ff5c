package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"gauntlet/experiments/run"
)

// progress shows a run as it goes: a line that is drawn anew each second on a terminal, plain lines elsewhere.
type progress struct {
	w     io.Writer
	live  bool // w is a terminal
	width int
	began time.Time
	drawn bool // a status line stands on the screen
	last  time.Time
	fault string
	phase string
}

// plainEvery is how often a plain status line is printed when w is no terminal; changes are printed at once.
const plainEvery = 5 * time.Second

func newProgress(w *os.File) *progress {
	p := &progress{w: w, live: isTerminal(w), width: 100, began: time.Now()}
	if p.live {
		if width, _, err := term.GetSize(int(w.Fd())); err == nil && width > 20 {
			p.width = width
		}
	}
	return p
}

func isTerminal(w *os.File) bool { return term.IsTerminal(int(w.Fd())) && os.Getenv("TERM") != "dumb" }

// colour says whether w should be written to with colours.
func colour(w *os.File) bool { return isTerminal(w) && os.Getenv("NO_COLOR") == "" }

// Say prints a line that stays.
func (p *progress) Say(line string) {
	p.clear()
	fmt.Fprintf(p.w, "%6.1fs  %s\n", time.Since(p.began).Seconds(), line)
}

// Status shows how the run is doing.
func (p *progress) Status(s run.Status) {
	if p.live {
		line := s.String()
		fmt.Fprintf(p.w, "\r\x1b[K%.*s", p.width-1, line)
		p.drawn = true
		return
	}
	if s.Phase == p.phase && s.Fault == p.fault && time.Since(p.last) < plainEvery {
		return
	}
	p.phase, p.fault, p.last = s.Phase, s.Fault, time.Now()
	p.Say(s.String())
}

// clear removes the status line, so that something else can be printed.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}
