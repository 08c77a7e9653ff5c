package report

import (
	"fmt"
	"strings"

	"gauntlet/experiments/score"
)

// notes prints sentences below a title, or nothing if there are none.
func (p *printer) notes(title string, sentences []string) {
	if len(sentences) == 0 {
		return
	}
	p.title(title)
	for _, s := range sentences {
		p.para(cell{}, 2, s)
	}
}

// drainNote is the sentence about the end of a backlog, "" if there was none to speak of.
func drainNote(d *score.Drain) string {
	if d == nil {
		return ""
	}
	if d.Depth == 0 {
		return "how a backlog drained: " + or(d.Why, unknown)
	}
	out := fmt.Sprintf("a backlog of %s jobs drained in %s", count(d.Depth), seconds(d.Seconds))
	if !d.Known {
		out = fmt.Sprintf("a backlog of %s jobs had not drained after %s", count(d.Depth), seconds(d.Seconds))
	}
	if d.Foretold {
		out += fmt.Sprintf("; the forecast of its first 3 s was %s: %s jobs / (%.1f/s done - %.1f/s new)", seconds(d.Forecast), count(d.Depth-d.Before), d.Done, d.New)
	}
	return remarks(out, some(d.Why))
}

// costNotes are the sentences about what the topology took.
func costNotes(c score.Cost) []string {
	var out []string
	switch {
	case c.Known:
		out = append(out, fmt.Sprintf("%d containers used %.1f CPU-seconds over fault and recovery and held %s; 1,000 good answers cost %.2f CPU-seconds",
			c.Containers, c.CPUSeconds, byteSize(c.Memory), c.PerCPU))
	case c.Containers > 0:
		out = append(out, fmt.Sprintf("%d containers; %s", c.Containers, c.Why))
	default:
		return nil
	}
	if k := c.Capacity; k.Known {
		return append(out, fmt.Sprintf("capacity: about %.0f requests per second at most, as %s used %s of its processors in the baseline", k.Rate, k.Limit, percent(k.Busy)))
	}
	return append(out, "capacity unknown: "+c.Capacity.Why)
}

// jobNotes are the sentences about jobs; none if there were none.
func jobNotes(j *score.JobLedger) []string {
	switch {
	case j == nil:
		return nil
	case !j.Known:
		return []string{"unknown what became of the jobs: " + j.Why}
	}
	out := []string{fmt.Sprintf("of %s jobs that acknowledged writes promised, %s were lost and %s had more than one effect; %s were brought to a worker again after they had been done",
		thousands(j.Confirmed), thousands(j.Lost), thousands(j.Doubled), thousands(j.Redelivered))}
	if len(j.LostIDs) > 0 {
		out = append(out, "first writes whose job was lost: "+strings.Trim(fmt.Sprint(j.LostIDs), "[]"))
	}
	return out
}

// containersShown is how many containers the card names; card.json has all.
const containersShown = 8

// containers prints what the busiest containers used.
func (p *printer) containers(all []score.ContainerUse) {
	if len(all) == 0 {
		return
	}
	p.title("CONTAINERS")
	t := newTable("container", ">processors", ">at most", ">memory at most", ">received", ">sent", ">starts")
	for _, c := range all[:min(len(all), containersShown)] {
		t.add(txt(c.Name), txt(fmt.Sprintf("%.2f", c.CPU)), txt(fmt.Sprintf("%.2f", c.CPUMax)), txt(megabytes(c.Memory)), txt(megabytes(c.Received)+"/s"), txt(megabytes(c.Sent)+"/s"), num(uint64(c.Starts)))
	}
	p.table(t)
	if len(all) > containersShown {
		p.para(cell{}, 2, fmt.Sprintf("and %d that used less of the processors; card.json has all", len(all)-containersShown))
	}
}

func megabytes(x float64) string { return fmt.Sprintf("%.1f MB", x/1e6) }

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
