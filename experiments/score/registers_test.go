package score

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/register"
)

// called is a history of calls of registers alone.
func called(t *testing.T, ops ...register.Op) *Consistency {
	t.Helper()
	events := []history.Event{{Header: &history.Header{Version: history.Version, Registers: &history.Registers{Processes: 2, Keys: 1, Sessions: true}}}}
	for _, op := range ops {
		events = append(events, history.Event{Register: &op})
	}
	h, err := history.Memory(events, nil)
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := Evidence(h, &page); err != nil || !strings.Contains(page.String(), "<html") {
		t.Errorf("evidence: %v, %d bytes", err, page.Len())
	}
	return consistency(h)
}

func set(process, value int64, call, end int, out register.Outcome) register.Op {
	return register.Op{Process: process, Key: 1, Kind: register.Set, Value: value, Call: ms(call), Return: ms(end), Out: out}
}

func get(process, value int64, call, end int) register.Op {
	return register.Op{Process: process, Key: 1, Kind: register.Current, Value: value, Call: ms(call), Return: ms(end), Out: register.OK}
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func TestRegistersLinearizable(t *testing.T) {
	ok, info, fail := register.OK, register.Info, register.Fail
	for name, c := range map[string]struct {
		ops     []register.Op
		illegal bool
	}{
		"one after the other":                    {[]register.Op{set(1, 1, 0, 1, ok), get(2, 1, 2, 3), set(1, 2, 4, 5, ok), get(2, 2, 6, 7)}, false},
		"at the same time":                       {[]register.Op{set(1, 1, 0, 10, ok), get(2, 0, 1, 2), get(2, 1, 3, 4)}, false},
		"an acknowledged write is lost":          {[]register.Op{set(1, 1, 0, 1, ok), set(1, 2, 2, 3, ok), get(2, 1, 4, 5)}, true},
		"a read goes back":                       {[]register.Op{set(1, 1, 0, 10, ok), get(2, 1, 1, 2), get(2, 0, 3, 4)}, true},
		"a lost write that nobody is sure of":    {[]register.Op{set(1, 1, 0, 1, ok), set(1, 2, 2, 3, info), get(2, 1, 4, 5)}, false},
		"it comes late":                          {[]register.Op{set(1, 1, 0, 1, ok), set(1, 2, 2, 3, info), get(2, 1, 4, 5), get(2, 2, 50, 51)}, false},
		"it comes, and goes again":               {[]register.Op{set(1, 1, 0, 1, ok), set(1, 2, 2, 3, info), get(2, 2, 4, 5), get(2, 1, 6, 7)}, true},
		"a write that certainly failed is there": {[]register.Op{set(1, 1, 0, 1, ok), set(1, 2, 2, 3, fail), get(2, 2, 4, 5)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := called(t, c.ops...)
			if !got.Known || (len(got.Illegal) == 1) != c.illegal {
				t.Errorf("%+v, want illegal %v", got, c.illegal)
			}
		})
	}
	if got := called(t, set(1, 1, 0, 1, ok)); got.Known || got.Why == "" {
		t.Errorf("without a read: %+v, want unknown", got)
	}
}

// A register that was simulated is always found linearizable; one of whose answers a single one was changed to a value that had been
// overwritten never is.
func TestRegistersSimulated(t *testing.T) {
	for seed := range uint64(50) {
		dice := rand.New(rand.NewPCG(seed, 0))
		var ops []register.Op
		var now, value, old int64
		last := -1
		for i := range 200 {
			process := int64(i % 4)
			begin := 10 * i
			if dice.IntN(2) == 0 {
				value++
				old, now = now, value
				ops = append(ops, set(process, value, begin, begin+1+dice.IntN(8), register.OK))
			} else {
				ops = append(ops, get(process, now, begin, begin+1+dice.IntN(8)))
				if value >= 2 {
					last = len(ops) - 1
				}
			}
		}
		if c := called(t, ops...); !c.Known || len(c.Illegal) > 0 {
			t.Fatalf("seed %d: %+v, want linearizable", seed, c)
		}
		stale := ops[last]
		if stale.Value == now {
			stale.Value = old
		} else {
			stale.Value--
		}
		ops[last] = stale
		if c := called(t, ops...); len(c.Illegal) != 1 {
			t.Fatalf("seed %d: %+v, want the stale read at %d found", seed, c, last)
		}
	}
}

func TestSessions(t *testing.T) {
	own := func(op register.Op) register.Op { op.Owned = true; return op }
	read := func(process, value int64, call, end int) register.Op {
		op := own(get(process, value, call, end))
		op.Kind = register.Session
		return op
	}
	c := called(t,
		own(set(1, 1, 0, 10, register.OK)), own(set(1, 2, 20, 30, register.OK)),
		read(1, 2, 40, 41),   // sees its own
		read(2, 2, 40, 41),   //
		read(2, 1, 130, 131), // older than before; overwritten since 30 ms
		read(1, 1, 200, 201), // misses its own, older than before, stale for 170 ms
		own(set(1, 3, 300, 400, register.Info)),
		read(2, 3, 310, 311), // it may be there already
		read(3, 2, 500, 501), // it may never come: not stale
	)
	want := Consistency{Calls: 9, Unknown: 1, Sessions: 6, MissedOwn: 1, GoneBack: 2, Stale: 2, Staleness: 0.170}
	got := *c
	got.Why = ""
	if got.Calls != want.Calls || got.Unknown != want.Unknown || got.Sessions != want.Sessions || got.MissedOwn != want.MissedOwn || got.GoneBack != want.GoneBack || got.Stale != want.Stale || got.Staleness != want.Staleness {
		t.Errorf("%+v, want %+v", got, want)
	}
}
