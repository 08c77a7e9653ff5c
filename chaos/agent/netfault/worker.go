//go:build linux

package netfault

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/nft"
)

// tableName is the one table that this package makes.
const tableName = "gauntlet"

// Worker carries out chaos.VerbNet. It works in the network namespace of the thread that calls it.
type Worker struct {
	table   *nft.Table
	loop    *loop
	backend backend
	rules   []*applied // in the order in which they were applied
}

// New prepares everything that an injection needs, so that Apply is one transaction. Nothing is disturbed yet.
func New() (*Worker, error) {
	table, err := nft.Open(tableName)
	if err != nil {
		return nil, err
	}
	w := &Worker{table: table, backend: probe()}
	if w.loop, err = newLoop(); err != nil {
		return nil, errors.Join(err, table.Close())
	}
	return w, nil
}

// Apply makes op hold under the name id. If it can't, id holds nothing.
func (w *Worker) Apply(ctx context.Context, id string, op chaos.Op) (string, error) {
	a, err := w.begin(ctx, id, op)
	if err == nil {
		err = w.become(append(w.without(id), a))
	}
	if err != nil {
		if a != nil {
			err = errors.Join(err, w.loop.remove(a.ports...))
		}
		return "", errors.Join(fmt.Errorf("net %s: %w", id, err), w.become(w.without(id)))
	}
	words := proof(a.rule, w.backend.name)
	if a.rule.Reset {
		n, err := breakConnections(func(local, remote netip.AddrPort) bool { return concerns(a.rule, local, remote) })
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			words += ", each connection breaks at its next packet"
		case err != nil:
			return "", errors.Join(fmt.Errorf("net %s: %w", id, err), w.become(w.without(id)))
		default:
			words += ", " + count(n, "connection") + " broken"
		}
	}
	return words, nil
}

// begin checks op and opens the queues that it needs.
func (w *Worker) begin(ctx context.Context, id string, op chaos.Op) (*applied, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if op.Verb != chaos.VerbNet || op.Net == nil {
		return nil, fmt.Errorf("verb %q is not for this worker", op.Verb)
	}
	rule, err := normal(*op.Net)
	if err != nil {
		return nil, err
	}
	slot, err := w.freeSlot()
	if err != nil {
		return nil, err
	}
	a := &applied{id: id, slot: slot, rule: rule}
	return a, w.open(a)
}

// freeSlot is the first that no rule has. One that is about to be replaced still has its own.
func (w *Worker) freeSlot() (int, error) {
	for slot := range maxSlots {
		if !slices.ContainsFunc(w.rules, func(a *applied) bool { return a.slot == slot }) {
			return slot, nil
		}
	}
	return 0, fmt.Errorf("more than %d rules on one target", maxSlots)
}

// open begins to listen to the rule's queues, before any packet is sent there.
func (w *Worker) open(a *applied) error {
	if !shaped(a.rule) && a.rule.DNS == nil {
		return nil
	}
	if w.backend.err != nil {
		return w.backend.err
	}
	for _, plan := range plans(a.rule, a.slot) {
		p, err := openPort(plan)
		if err != nil {
			return err
		}
		a.ports = append(a.ports, p)
		w.loop.add(p)
	}
	return nil
}

// smooth is the bandwidth in bit/s from which super packets may pass whole: 64 KiB then take 5 ms or less.
const smooth = 100e6

// plans are the queues that a rule needs: how packets are judged, and what of them must be seen. TCP that goes out has a
// queue of its own, and shares judge, order and bandwidth with the rest that goes out.
func plans(r chaos.NetRule, slot int) []plan {
	mark := slotMark(slot)
	if r.DNS != nil {
		return []plan{{number: queueNumber(slot, outRest), want: all, mark: localMark, judge: resolver{rule: *r.DNS}}}
	}
	want := nothing
	if r.BitsPerSecond > 0 {
		want = length
	}
	if r.Duplicate > 0 || r.Corrupt > 0 {
		want = all
	}
	gso := !chancy(r) && (r.BitsPerSecond == 0 || r.BitsPerSecond >= smooth)
	var list []plan
	if goes(r, true) {
		list = append(list, plan{number: queueNumber(slot, inAll), want: want, gso: gso, mark: localMark, judge: newShaper(r, true)})
	}
	if goes(r, false) {
		j := newShaper(r, false)
		list = append(list, plan{number: queueNumber(slot, outRest), want: want, gso: gso, mark: mark, judge: j},
			plan{number: queueNumber(slot, outTCP), want: all, steal: true, mark: mark, judge: j})
	}
	return list
}

func (w *Worker) without(id string) []*applied {
	return slices.DeleteFunc(slices.Clone(w.rules), func(a *applied) bool { return a.id == id })
}

// become makes rules the desired state: in one transaction, then what waits for rules that are gone goes on. Without rules
// there is no table.
func (w *Worker) become(rules []*applied) error {
	if len(rules)+len(w.rules) > 0 {
		if err := w.table.Swap(compile(rules, w.backend.iptables)); err != nil {
			return err
		}
	}
	var gone []*port
	for _, a := range w.rules {
		if !slices.Contains(rules, a) {
			gone = append(gone, a.ports...)
		}
	}
	w.rules = rules
	err := w.loop.remove(gone...)
	if len(rules) == 0 {
		err = errors.Join(err, w.table.Remove())
	}
	return err
}

// Check reads back from the kernel whether id still holds.
func (w *Worker) Check(ctx context.Context, id string) error {
	i := slices.IndexFunc(w.rules, func(a *applied) bool { return a.id == id })
	if err := ctx.Err(); err != nil {
		return err
	}
	if i < 0 {
		return fmt.Errorf("net %s: not applied", id)
	}
	if err := w.verify(); err != nil {
		return fmt.Errorf("net %s: %w", id, err)
	}
	for _, p := range w.rules[i].ports {
		if err := errors.Join(w.loop.alive(), listening(p)); err != nil {
			return fmt.Errorf("net %s: %w", id, err)
		}
	}
	return nil
}

// verify compares the table in the kernel with the desired state.
func (w *Worker) verify() error {
	state, err := w.table.Read()
	switch {
	case err != nil:
		return err
	case !state.Exists || !state.Ours:
		return fmt.Errorf("nftables table %s is not there, or not ours", tableName)
	}
	want := map[nft.Held]int{}
	for _, c := range compile(w.rules, w.backend.iptables) {
		for _, r := range c.Rules {
			want[nft.Held{Chain: c.Name, Tag: r.Tag}]++
		}
	}
	for _, h := range state.Rules {
		want[h]--
	}
	for h, n := range want {
		if n != 0 {
			return fmt.Errorf("nftables chain %s: %+d rules of %q missing", h.Chain, n, h.Tag)
		}
	}
	return nil
}

// listening looks for the queue among those that the kernel has. Columns: number, listener's netlink port, and more.
func listening(p *port) error {
	text, err := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_queue")
	if err != nil {
		return fmt.Errorf("read queues: %w", err)
	}
	for row := range strings.Lines(string(text)) {
		f := strings.Fields(row)
		if len(f) > 1 && f[0] == strconv.Itoa(int(p.number)) && f[1] == strconv.FormatUint(uint64(p.conn.Port()), 10) {
			return nil
		}
	}
	return fmt.Errorf("NFQUEUE %d has lost its listener", p.number)
}

// Clear ends id and proves it by reading back; what waits goes on at once.
func (w *Worker) Clear(_ context.Context, id string, _ chaos.Op) error {
	if rest := w.without(id); len(rest) < len(w.rules) {
		if err := w.become(rest); err != nil {
			return fmt.Errorf("net %s: %w", id, err)
		}
	}
	state, err := w.table.Read()
	if err != nil {
		return fmt.Errorf("net %s: %w", id, err)
	}
	for _, h := range state.Rules {
		if h.Tag == tag(id) {
			return fmt.Errorf("net %s: still in nftables chain %s, owned by netlink port %d", id, h.Chain, state.Owner)
		}
	}
	return nil
}

// Close clears everything and proves it.
func (w *Worker) Close() error {
	err := w.become(nil)
	return errors.Join(err, w.loop.stop(), w.table.Close())
}
