package score

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/spec"
)

// ErrWhatIf means that a question can't be asked of a recording; the text says what can.
var ErrWhatIf = errors.New("no such what-if")

// Change replaces one measured quantity of a run.
type Change struct {
	Fault   string  // kind of the fault, or its number from 1; "" if there is only one, or if the measure is not a fault's
	Measure string  // failover, one of its stages, after_effect, lost_seconds, lost_writes or replication_lag
	Value   float64 // in the measure's unit, 0 or more: seconds, or a count of lost writes
}

// changeable are the measures that can be replaced; the first ones are a fault's.
var (
	ofFault   = []string{"failover", "detect", "decide", "promote", "reroute", "reconnect", "after_effect"}
	ofRun     = []string{"lost_seconds", "lost_writes", "replication_lag"}
	whatIfUse = "write [FAULT] MEASURE=VALUE, such as 'kill failover=2s'; measures of a fault: " + strings.Join(ofFault, ", ") + "; of the run: " + strings.Join(ofRun, ", ")
)

// ParseChange reads "[FAULT] MEASURE=VALUE", such as "kill failover=2s" or "lost_writes=0". The error is ErrWhatIf.
func ParseChange(text string) (Change, error) {
	left, value, ok := strings.Cut(text, "=")
	words := strings.Fields(left)
	if !ok || len(words) < 1 || len(words) > 2 {
		return Change{}, fmt.Errorf("%w: %q; %s", ErrWhatIf, text, whatIfUse)
	}
	c := Change{Measure: words[len(words)-1]}
	if len(words) == 2 {
		c.Fault = words[0]
	}
	fault := slices.Contains(ofFault, c.Measure)
	if !fault && (!slices.Contains(ofRun, c.Measure) || c.Fault != "") {
		return Change{}, fmt.Errorf("%w: %q; %s", ErrWhatIf, text, whatIfUse)
	}
	value = strings.TrimSpace(value)
	if c.Measure == "lost_writes" {
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return Change{}, fmt.Errorf("%w: %q is no number of writes", ErrWhatIf, value)
		}
		c.Value = float64(n)
		return c, nil
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return Change{}, fmt.Errorf("%w: %q is no time of 0s or more, such as 2s", ErrWhatIf, value)
	}
	c.Value = d.Seconds()
	return c, nil
}

// String is the change as it is written.
func (c Change) String() string {
	value := time.Duration(c.Value * float64(time.Second)).Round(time.Microsecond).String()
	if c.Measure == "lost_writes" {
		value = strconv.FormatFloat(c.Value, 'f', 0, 64)
	}
	return strings.TrimSpace(c.Fault + " " + c.Measure + "=" + value)
}

// WhatIf is the card that a recording would have had if some quantities had been others: what would it be worth to mend this?
// With a failover time or one of its stages, the outages that this fault caused and the lost seconds that they cost shrink or
// grow in proportion; all else is as measured. The card says on itself that this did not happen. The error is ErrWhatIf.
func WhatIf(e spec.Experiment, h *history.History, changes ...Change) (Card, error) {
	c, err := judged(e, h, changes)
	if err != nil {
		return Card{}, err
	}
	for _, ch := range changes {
		c.WhatIf = append(c.WhatIf, ch.String())
	}
	c.Warnings = append([]string{"what if: " + strings.Join(c.WhatIf, ", ") + "; this did not happen"}, c.Warnings...)
	return c, nil
}

// replace makes one change; c has faults and data, and no parts yet.
func (ch Change) replace(h *history.History, b *book, p *points, c *Card) error {
	switch ch.Measure {
	case "lost_seconds":
		b.lose(ch.Value)
	case "lost_writes":
		if ledgerRate(h) == 0 {
			return fmt.Errorf("%w: %s: no operation is in the ledger", ErrWhatIf, ch)
		}
		c.Data.Known, c.Data.Lost, c.Data.LostIDs = true, uint64(ch.Value), nil
		c.Data.RPOSeconds = ch.Value / ledgerRate(h)
	case "replication_lag":
		p.known, p.peak = true, ch.Value
	default:
		i, err := ch.fault(c.Faults)
		if err != nil {
			return err
		}
		return ch.replaceInFault(h, b, &c.Faults[i], i)
	}
	return nil
}

// fault finds which fault is meant.
func (ch Change) fault(hits []Hit) (int, error) {
	var found []int
	var names []string
	for i, hit := range hits {
		number := strconv.Itoa(hit.Step + 1)
		names = append(names, number+" ("+hit.Kind+")")
		if ch.Fault == "" || ch.Fault == hit.Kind || ch.Fault == number {
			found = append(found, i)
		}
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("%w: %s fits %d faults; there are: %s", ErrWhatIf, ch, len(found), strings.Join(names, ", "))
	}
	return found[0], nil
}

func (ch Change) replaceInFault(h *history.History, b *book, hit *Hit, i int) error {
	if ch.Measure == "after_effect" {
		is := exactly(ch.Value)
		hit.After = &is
		return nil
	}
	if hit.Failover == nil || hit.Open || hit.Failover.Value <= 0 {
		return fmt.Errorf("%w: %s: fault %d has no failover time that could be replaced", ErrWhatIf, ch, hit.Step+1)
	}
	was := hit.Failover.Value
	is := ch.Value
	if ch.Measure == "failover" {
		for k := range hit.Stages {
			hit.Stages[k].Seconds *= is / was
		}
	} else {
		k := slices.IndexFunc(hit.Stages, func(s Stage) bool { return s.Name == ch.Measure && s.Known })
		if k < 0 {
			return fmt.Errorf("%w: %s: that stage was not seen", ErrWhatIf, ch)
		}
		is = max(0, was-hit.Stages[k].Seconds+ch.Value)
		hit.Stages[k].Seconds = ch.Value
	}
	*hit.Failover = exactly(is)
	for _, m := range b.meters {
		m.stretch(h.Faults[i], nextFault(h, h.Faults[i], b.span.to), is/was)
	}
	return nil
}

// stretch makes the outages that a fault caused longer or shorter, and what they cost.
func (m *meter) stretch(f history.Fault, next time.Duration, by float64) {
	cost := 0.0
	for i, o := range m.outages.done {
		if !m.outages.causedBy(o, f, next) {
			continue
		}
		at := func(t time.Duration) time.Duration { return o.Start + time.Duration(by*float64(t-o.Start)) }
		w := &m.outages.done[i]
		w.End, w.StableDue, w.AllDue, w.LastBad = at(o.End), at(o.StableDue), at(o.AllDue), at(o.LastBad)
		cost += float64(o.Bad) / m.rate
	}
	m.setLost(max(0, m.LostSeconds+(by-1)*cost))
	m.Outages = m.outages.windows()
}

func (m *meter) setLost(seconds float64) {
	m.LostSeconds = seconds
	if w := m.span.length().Seconds(); w > 0 {
		m.Availability = max(0, 1-seconds/w)
	}
}

// lose sets the weighted lost seconds, each class in proportion; if nothing was lost, all alike.
func (b *book) lose(seconds float64) {
	was := b.lostSeconds().Value
	for _, m := range b.meters {
		if was > 0 {
			m.setLost(m.LostSeconds * seconds / was)
		} else {
			m.setLost(seconds)
		}
	}
}
