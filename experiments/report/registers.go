package report

import (
	"fmt"
	"strings"

	"gauntlet/experiments/score"
)

// registers prints what the calls of registers showed.
func (p *printer) registers(c *score.Consistency) {
	if c == nil {
		return
	}
	p.title("REGISTERS")
	for _, s := range registerNotes(c) {
		p.para(cell{}, 2, s)
	}
}

// registerNotes are the sentences about the calls of registers; none if there were none.
func registerNotes(c *score.Consistency) []string {
	if c == nil {
		return nil
	}
	out := []string{linearNote(c)}
	if c.Sessions > 0 {
		out = append(out, fmt.Sprintf("of %s reads of sessions %s did not show the session's own write, %s went back to an older value, and %s showed an overwritten value, for %s at most",
			thousands(c.Sessions), thousands(c.MissedOwn), thousands(c.GoneBack), thousands(c.Stale), seconds(c.Staleness)))
	}
	return append(out, some(c.Why)...)
}

func linearNote(c *score.Consistency) string {
	what := fmt.Sprintf("%s calls, of %s writes it is unknown whether they had an effect: ", thousands(c.Calls), thousands(c.Unknown))
	switch {
	case len(c.Illegal) > 0:
		return what + fmt.Sprintf("the history of %d of %d registers is NOT linearizable (%s); registers.html shows it", len(c.Illegal), c.Registers, strings.Trim(fmt.Sprint(c.Illegal), "[]"))
	case !c.Known:
		return what + "unknown whether they are linearizable"
	}
	return what + fmt.Sprintf("the histories of all %d registers are linearizable", c.Registers)
}
