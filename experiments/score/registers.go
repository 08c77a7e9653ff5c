package score

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"gauntlet/experiments/history"
	"gauntlet/experiments/register"
)

// linearLimit bounds the search for an order of all calls, as the time for all registers together. Without an answer by then the
// history is undecided, which never passes.
const linearLimit = time.Minute

// Consistency is the verdict on the calls of registers.
type Consistency struct {
	Known     bool    `json:"known"` // each shared register was judged, and there was something to judge
	Why       string  `json:"why,omitempty"`
	Calls     uint64  `json:"calls"`
	Unknown   uint64  `json:"unknown"`           // writes of which nobody knows whether they had an effect
	Registers int     `json:"registers"`         // shared ones that were judged
	Illegal   []int64 `json:"illegal,omitempty"` // keys of those whose history is not linearizable
	Undecided []int64 `json:"undecided,omitempty"`
	Sessions  uint64  `json:"session_reads"`
	MissedOwn uint64  `json:"missed_own_writes"` // reads of a session that did not show what it had written
	GoneBack  uint64  `json:"reads_gone_back"`   // reads of a session that showed an older value than one before
	Stale     uint64  `json:"stale_reads"`       // reads that showed a value which had been overwritten when they began
	Staleness float64 `json:"staleness"`         // the longest time for which it had been, in seconds
}

// consistency judges the calls of registers; nil if the run had none.
func consistency(h *history.History) *Consistency {
	if h.Header.Registers == nil {
		return nil
	}
	c := &Consistency{}
	shared, owned, err := calls(h, c)
	c.linearizable(shared)
	c.sessions(owned)
	switch {
	case err != nil:
		c.Why = err.Error()
	case c.Registers == 0:
		c.Why = "no shared register was both written and read"
	case len(c.Undecided) > 0:
		c.Why = fmt.Sprintf("no order of the calls of %d registers was found or ruled out within %s", len(c.Undecided), linearLimit)
	default:
		c.Known = true
	}
	return c
}

// undecided says whether registers may have an illegal history that was not found.
func (c *Consistency) undecided() bool { return c != nil && !c.Known && len(c.Illegal) == 0 }

// calls sorts the calls: those of shared registers by key, those of owned ones in the order in which they began.
func calls(h *history.History, c *Consistency) (shared map[int64][]register.Op, owned []register.Op, err error) {
	shared = map[int64][]register.Op{}
	for op, e := range h.Registers() {
		if e != nil {
			return shared, owned, e
		}
		if c.Calls++; op.Out == register.Info {
			c.Unknown++
		}
		if op.Owned {
			owned = append(owned, op)
		} else {
			shared[op.Key] = append(shared[op.Key], op)
		}
	}
	slices.SortStableFunc(owned, func(a, b register.Op) int { return cmp.Compare(a.Call, b.Call) })
	return shared, owned, nil
}

// linearizable looks for an order of the calls of each register in which each read shows the write before it.
func (c *Consistency) linearizable(shared map[int64][]register.Op) {
	end := time.Now().Add(linearLimit)
	for _, key := range sortedKeys(shared) {
		ops, evidence := operations(shared[key])
		if !evidence {
			continue
		}
		c.Registers++
		switch porcupine.CheckOperationsTimeout(registerModel, ops, max(time.Until(end), time.Millisecond)) {
		case porcupine.Illegal:
			c.Illegal = append(c.Illegal, key)
		case porcupine.Unknown:
			c.Undecided = append(c.Undecided, key)
		}
	}
}

// Evidence writes porcupine's picture of all calls of shared registers, an HTML page; ErrNoRegisters if the run had none.
func Evidence(h *history.History, w io.Writer) error {
	if h.Header.Registers == nil {
		return ErrNoRegisters
	}
	shared, _, err := calls(h, &Consistency{})
	if err != nil {
		return err
	}
	var all []porcupine.Operation
	model := registerModel
	model.Partition = func([]porcupine.Operation) [][]porcupine.Operation {
		var parts [][]porcupine.Operation
		for _, key := range sortedKeys(shared) {
			ops, _ := operations(shared[key])
			parts = append(parts, ops)
		}
		return parts
	}
	_, info := porcupine.CheckOperationsVerbose(model, all, linearLimit)
	return porcupine.Visualize(model, info, w)
}

// ErrNoRegisters says that no registers were called during the run.
var ErrNoRegisters = errors.New("the run called no registers")

func sortedKeys(shared map[int64][]register.Op) []int64 {
	var keys []int64
	for key := range shared {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// asked is the input of a call in porcupine's model.
type asked struct {
	set   bool
	value int64
}

// registerModel is a register that holds 0 at first.
var registerModel = porcupine.Model{
	Init: func() any { return int64(0) },
	Step: func(state, input, output any) (bool, any) {
		in := input.(asked)
		if in.set {
			return true, in.value
		}
		return output.(int64) == state.(int64), state
	},
	DescribeOperation: func(input, output any) string {
		if in := input.(asked); in.set {
			return fmt.Sprintf("set %d", in.value)
		}
		return fmt.Sprintf("%d", output)
	},
}

// operations are the calls that say something: reads that were answered, writes that were acknowledged, and writes of which nobody
// knows if somebody has read what they wrote. The others can neither make a history legal nor illegal, and would only widen the search.
// evidence says whether an acknowledged write and a read are among them.
func operations(ops []register.Op) (out []porcupine.Operation, evidence bool) {
	seen := map[int64]bool{}
	var wrote, read bool
	for _, op := range ops {
		if op.Kind != register.Set && op.Out == register.OK {
			seen[op.Value], read = true, true
		}
		wrote = wrote || op.Kind == register.Set && op.Out == register.OK
	}
	for _, op := range ops {
		o := porcupine.Operation{ClientId: int(op.Process), Call: int64(op.Call), Return: int64(op.Return), Input: asked{op.Kind == register.Set, op.Value}, Output: op.Value}
		switch {
		case op.Out == register.OK:
		case op.Out == register.Info && seen[op.Value]:
			o.Return = math.MaxInt64 // it may take effect at any later time
		default:
			continue
		}
		out = append(out, o)
	}
	return out, wrote && read
}

// ofRegisters measures what the calls of registers showed. A wrong history that was found is known whatever is not.
func (m Measure) ofRegisters(name string, c *Consistency) Measure {
	if c == nil {
		m.Known, m.Why = false, ErrNoRegisters.Error()
		return m
	}
	m.Known, m.Why = c.Sessions > 0, "no read of a session was answered"
	switch name {
	case "illegal_registers":
		m.Known, m.Value, m.Why = c.Known, exactly(float64(len(c.Illegal))), c.Why
	case "missed_own_writes":
		m.Value = exactly(float64(c.MissedOwn))
	case "reads_gone_back":
		m.Value = exactly(float64(c.GoneBack))
	default:
		m.Value = exactly(c.Staleness)
	}
	if m.Known {
		m.Why = ""
	}
	return m
}
