package netfault

import (
	"fmt"
	"strconv"
	"strings"

	"gauntlet/chaos"
)

// proof says what was done, and by what means.
func proof(r chaos.NetRule, backend string) string {
	var parts []string
	if words := kernelWords(r); len(words) > 0 {
		parts = append(parts, "nftables "+strings.Join(words, " and "))
	}
	if words := queueWords(r); len(words) > 0 {
		parts = append(parts, backend+" "+strings.Join(words, ", "))
	}
	if r.Direction != chaos.Both && r.DNS == nil {
		parts = append(parts, string(r.Direction)+" only")
	}
	if len(r.Peers) > 0 {
		parts = append(parts, count(len(r.Peers), "peer"))
	}
	if len(r.Ports) > 0 {
		parts = append(parts, count(len(r.Ports), "port"))
	}
	return strings.Join(parts, ", ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func kernelWords(r chaos.NetRule) []string {
	var words []string
	for _, w := range []struct {
		on   bool
		word string
	}{{r.Drop, "drop"}, {r.Reset, "reset"}, {r.Refuse, "refuse"}} {
		if w.on {
			words = append(words, w.word)
		}
	}
	return words
}

func queueWords(r chaos.NetRule) []string {
	var words []string
	switch {
	case r.Jitter > 0:
		words = append(words, fmt.Sprintf("delay %s ± %s", r.Delay, r.Jitter))
	case r.Delay > 0:
		words = append(words, fmt.Sprintf("delay %s", r.Delay))
	}
	for _, s := range []struct {
		name  string
		share float64
	}{{"loss", r.Loss}, {"duplicate", r.Duplicate}, {"corrupt", r.Corrupt}, {"reorder", r.Reorder}} {
		if s.share > 0 {
			words = append(words, fmt.Sprintf("%s %.4g %%", s.name, 100*s.share))
		}
	}
	if r.BitsPerSecond > 0 {
		words = append(words, fmt.Sprintf("bandwidth %.4g Mbit/s", r.BitsPerSecond/1e6))
	}
	if r.DNS != nil {
		what := "every name"
		if len(r.DNS.Names) > 0 {
			what = strings.Join(r.DNS.Names, " ")
		}
		words = append(words, fmt.Sprintf("dns %s for %s", r.DNS.Answer, what))
	}
	return words
}
