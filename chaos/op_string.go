package chaos

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// String is the action in one line: what is done to whom, and the undo.
func (a Action) String() string {
	undo := make([]string, len(a.Undo))
	for i, op := range a.Undo {
		undo[i] = op.String()
	}
	if len(undo) == 0 {
		undo = []string{"none"}
	}
	return fmt.Sprintf("%s: %s; undo: %s", a.Target.Name, a.Do, strings.Join(undo, ", "))
}

// String is the operation in a few words.
func (o Op) String() string {
	switch o.Verb {
	case VerbStop, VerbRestart:
		if o.Pause > 0 {
			return fmt.Sprintf("%s within %s, then wait %s", o.Verb, o.Timeout, o.Pause)
		}
		return fmt.Sprintf("%s within %s", o.Verb, o.Timeout)
	case VerbSignal:
		return fmt.Sprintf("send %s to %s", o.Signal, orWord(o.Process, "its first process"))
	case VerbQuota:
		if o.CPUs == 0 {
			return "lift the CPU limit"
		}
		return fmt.Sprintf("limit to %.3g CPUs", o.CPUs)
	case VerbCreate:
		return "create again and start"
	case VerbSpike:
		return fmt.Sprintf("load times %.3g", o.Factor)
	case VerbRevoke:
		return "revoke " + string(o.Of.Verb) + " rule"
	case VerbNet:
		return o.Net.String()
	case VerbHTTP:
		return o.HTTP.String()
	case VerbResource:
		return o.Resource.String()
	case VerbState, VerbReplay:
		return o.State.String()
	}
	return string(o.Verb)
}

// words collects phrases that apply.
type words []string

func (w *words) add(is bool, format string, args ...any) {
	if is {
		*w = append(*w, fmt.Sprintf(format, args...))
	}
}

// String is the rule in a few words, such as "drop in both directions with 3 peers".
func (r NetRule) String() string {
	var w words
	w.add(r.Drop, "drop")
	w.add(r.Reset, "reset")
	w.add(r.Refuse, "refuse")
	w.add(r.Delay > 0 || r.Jitter > 0, "delay %s", r.Delay)
	w.add(r.Jitter > 0, "± %s %s", r.Jitter, orWord(r.Distribution, "uniform"))
	w.add(r.Loss > 0, "lose %s", percent(r.Loss))
	w.add(r.Duplicate > 0, "duplicate %s", percent(r.Duplicate))
	w.add(r.Corrupt > 0, "corrupt %s", percent(r.Corrupt))
	w.add(r.Reorder > 0, "reorder %s", percent(r.Reorder))
	w.add(r.BitsPerSecond > 0, "limit to %.3g Mbit/s", r.BitsPerSecond/1e6)
	if r.DNS != nil {
		return fmt.Sprintf("answer lookups of %s with %s", orWord(strings.Join(r.DNS.Names, ", "), "all names"), r.DNS.Answer)
	}
	w.add(true, "%s", direction(r.Direction))
	w.add(true, "%s", peers(r.Peers))
	w.add(len(r.Ports) > 0, "on ports %v", r.Ports)
	return strings.Join(w, " ")
}

func direction(d Direction) string {
	switch d {
	case In:
		return "what comes in"
	case Out:
		return "what goes out"
	}
	return "both ways"
}

func peers(all []netip.Prefix) string {
	switch len(all) {
	case 0:
		return "with everybody"
	case 1, 2, 3:
		var out []string
		for _, p := range all {
			out = append(out, p.Addr().String())
		}
		return "with " + strings.Join(out, ", ")
	}
	return fmt.Sprintf("with %d peers", len(all))
}

// String is the rule in a few words.
func (r HTTPRule) String() string {
	var w words
	w.add(true, "of %s %s on ports %v %s:", orWord(r.Method, "all"), orWord(r.Path, "requests"), r.Ports, percent(r.Share))
	w.add(r.Delay > 0, "delay %s", r.Delay)
	w.add(r.Status > 0, "answer %d", r.Status)
	w.add(r.Abort, "abort")
	return strings.Join(w, " ")
}

// String is the load in a few words.
func (r ResourceLoad) String() string {
	var w words
	w.add(r.CPUs > 0, "burn %.3g CPUs", r.CPUs)
	w.add(r.MemoryShare > 0, "fill memory to %s of its limit", percent(r.MemoryShare))
	w.add(r.MemoryBytes > 0, "fill %d MB of memory", r.MemoryBytes>>20)
	w.add(r.ReadBytesPerSecond > 0, "limit disk reads to %d kB/s", r.ReadBytesPerSecond>>10)
	w.add(r.WriteBytesPerSecond > 0, "limit disk writes to %d kB/s", r.WriteBytesPerSecond>>10)
	w.add(r.DiskShare > 0, "fill %s to %s", r.DiskPath, percent(r.DiskShare))
	w.add(r.DiskBytes > 0, "fill %s by %d MB", r.DiskPath, r.DiskBytes>>20)
	return strings.Join(w, ", ")
}

// String is the change in a few words.
func (c StateChange) String() string {
	var w words
	w.add(true, "%s %s at port %d", c.Kind, c.Server, c.Port)
	w.add(c.Table != "", "table %s", c.Table)
	w.add(c.Queue != "", "queue %s", c.Queue)
	w.add(c.Count > 0, "count %d", c.Count)
	w.add(c.Delay > 0, "by %s", c.Delay)
	return strings.Join(w, ", ")
}

func percent(share float64) string { return fmt.Sprintf("%.3g %%", 100*share) }

func orWord(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// revoke is the undo of what an agent does.
func revoke(op Op) []Op { return []Op{{Verb: VerbRevoke, Of: &op}} }

// seconds is a duration for people.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
