package score

import (
	"fmt"
	"slices"

	"gauntlet/experiments/history"
	"gauntlet/loadgen"
)

// lostShown is how many lost ids the card names.
const lostShown = 20

// ids is a set of ledger ids, a bit each.
type ids []uint64

func newIDs(ranges []history.Range, highest uint64) ids {
	set := make(ids, highest/64+1)
	for _, r := range ranges {
		for id := r[0]; id <= min(r[1], highest); id++ {
			set[id/64] |= 1 << (id % 64)
		}
	}
	return set
}

func (s ids) has(id uint64) bool { return s[id/64]&(1<<(id%64)) != 0 }

// data judges the ledger: what clients were told against what the primary and its replicas hold after the heal.
func data(b *book, h *history.History) Data {
	d := Data{}
	for _, out := range b.ends {
		if out == loadgen.OK {
			d.Acknowledged++
		}
	}
	highest := uint64(max(1, len(b.ends)) - 1)
	primary, why := d.primaries(h.Reads, highest)
	if why != "" {
		d.Why = why
		return d
	}
	d.Known = true
	d.compare(b.ends, primary)
	var silent []string
	for _, reads := range byShard(h.Reads) {
		own, _ := primaryOf(reads)
		silent = append(silent, d.diverge(reads, own, highest)...)
	}
	d.unread(silent, h)
	if rate := ledgerRate(h); rate > 0 {
		d.RPOSeconds = float64(d.Lost) / rate
	}
	if d.Lost == 0 {
		d.Bound = 1 - 0.05 // 1 - 0.05^(1/n) with n = 1 run: no loss in one run says little
	}
	return d
}

// primaryOf finds the one primary that was read for certain, or says why there is none.
func primaryOf(reads []history.ReadBack) (history.ReadBack, string) {
	var found []history.ReadBack
	for _, r := range reads {
		if r.Role == "primary" && r.CaughtUp && r.Err == "" {
			found = append(found, r)
		}
	}
	switch {
	case len(reads) == 0:
		return history.ReadBack{}, "the writes were not read back"
	case len(found) != 1:
		return history.ReadBack{}, fmt.Sprintf("%d primaries could be read back, want exactly one", len(found))
	}
	return found[0], ""
}

// compare classifies every write by how it ended and whether the primary has it.
func (d *Data) compare(ends []loadgen.Outcome, primary history.ReadBack) {
	highest := uint64(max(1, len(ends)) - 1)
	present := newIDs(primary.Present, highest)
	for id := uint64(1); id <= highest; id++ {
		switch out := ends[id]; {
		case out == loadgen.OK && !present.has(id):
			if d.Lost++; len(d.LostIDs) < lostShown {
				d.LostIDs = append(d.LostIDs, id)
			}
		case out == loadgen.Info && present.has(id):
			d.Recovered++
		case (out == loadgen.Fail || out == loadgen.Missed) && present.has(id):
			d.Resurrected++
		}
	}
	for _, r := range primary.Duplicated {
		d.Duplicated += r[1] - r[0] + 1
	}
}

// diverge counts the ids on which a replica that had replayed everything differs from the primary, and names those that had not.
func (d *Data) diverge(reads []history.ReadBack, primary history.ReadBack, highest uint64) (silent []string) {
	want := newIDs(primary.Present, highest)
	for _, r := range reads {
		if r.Node == primary.Node {
			continue
		}
		if r.Err != "" || !r.CaughtUp {
			silent = append(silent, r.Node)
			continue
		}
		got := newIDs(r.Present, highest)
		for id := uint64(1); id <= highest; id++ {
			if got.has(id) != want.has(id) {
				d.Diverged++
			}
		}
	}
	return silent
}

// unread says which nodes' state is unknown: those that are silent, and those of which there is no word at all.
func (d *Data) unread(silent []string, h *history.History) {
	for _, name := range h.Header.Replicas {
		if !slices.ContainsFunc(h.Reads, func(r history.ReadBack) bool { return r.Node == name }) {
			silent = append(silent, name)
		}
	}
	if len(silent) > 0 {
		slices.Sort(silent)
		d.Why = fmt.Sprintf("replicas that were not read or had not caught up: %v; whether they diverge is unknown", silent)
	}
}

// clean says that no write was lost, doubled in effect, brought back, on a wrong shard or differs between nodes.
func (d Data) clean() bool {
	return d.Lost == 0 && d.Duplicated == 0 && d.Resurrected == 0 && d.Diverged == 0 && d.Misplaced == 0
}

// ledgerRate is the planned rate of the writes that are in the ledger, per second.
func ledgerRate(h *history.History) float64 {
	rate := 0.0
	for _, op := range h.Header.Ops {
		if op.Ledger {
			rate += op.Rate
		}
	}
	return rate
}
