//go:build linux

package nft_test

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"gauntlet/chaos/agent/agenttest"
	"gauntlet/chaos/agent/nft"
)

const name = "gauntlet-nft-test"

// inSpace runs f with a table in a namespace of its own.
func inSpace(t *testing.T, f func(table *nft.Table) error) {
	t.Helper()
	target, _ := agenttest.Pair(t)
	err := target.Do(func() error {
		table, err := nft.Open(name)
		if err != nil {
			return err
		}
		return errors.Join(f(table), table.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
}

func in(rules ...nft.Rule) nft.Chain {
	return nft.Chain{Name: "in", Hook: &nft.Hook{Number: unix.NF_INET_LOCAL_IN, Priority: 5}, Rules: rules}
}

func rule(tag string, exprs ...[]expr.Any) nft.Rule {
	return nft.Rule{Tag: tag, Exprs: slices.Concat(exprs...)}
}

func TestSwapIsReadBack(t *testing.T) {
	inSpace(t, func(table *nft.Table) error {
		for _, step := range []struct {
			chains []nft.Chain
			want   []nft.Held
		}{
			{[]nft.Chain{in(rule("drop it", nft.Drop()))}, []nft.Held{{Chain: "in", Tag: "drop it"}}},
			{[]nft.Chain{in(rule("jump", nft.Loopback(true), nft.Jump("sub"))), {Name: "sub", Rules: []nft.Rule{
				rule("v4", nft.Remote(true, netip.MustParsePrefix("10.1.2.0/25")), nft.Return()),
				rule("v6", nft.Remote(true, netip.MustParsePrefix("fd00::/63")), nft.Drop()),
				rule("all", nft.Remote(true, netip.MustParsePrefix("::/0")), nft.Accept()),
				rule("rst", nft.Protocol(unix.IPPROTO_TCP), nft.Opening(), nft.RejectTCP()),
			}}}, []nft.Held{{Chain: "in", Tag: "jump"}, {Chain: "sub", Tag: "v4"}, {Chain: "sub", Tag: "v6"}, {Chain: "sub", Tag: "all"}, {Chain: "sub", Tag: "rst"}}},
			{[]nft.Chain{in()}, nil},
			{nil, nil},
			{[]nft.Chain{in(rule("again", nft.Mark(1, 3), nft.Drop()))}, []nft.Held{{Chain: "in", Tag: "again"}}},
		} {
			if err := table.Swap(step.chains); err != nil {
				return err
			}
			state, err := table.Read()
			if err != nil {
				return err
			}
			if !state.Exists || !state.Ours || !reflect.DeepEqual(state.Rules, step.want) {
				t.Errorf("got %+v, want %+v", state, step.want)
			}
		}
		for range 2 {
			if err := table.Remove(); err != nil {
				return err
			}
			if state, err := table.Read(); err != nil || state.Exists {
				t.Errorf("after remove: %+v, %v", state, err)
			}
		}
		return nil
	})
}

func TestFailedSwapChangesNothing(t *testing.T) {
	inSpace(t, func(table *nft.Table) error {
		bad := []nft.Chain{in(rule("fine", nft.Drop()), rule("bad", nft.Jump("nowhere")))}
		if err := table.Swap(bad); !errors.Is(err, unix.ENOENT) {
			t.Errorf("a jump to nowhere: %v", err)
		}
		if state, err := table.Read(); err != nil || state.Exists {
			t.Errorf("after a failed first swap: %+v, %v", state, err)
		}
		if err := table.Swap([]nft.Chain{in(rule("good", nft.Drop()))}); err != nil {
			return err
		}
		if err := table.Swap(bad); err == nil {
			t.Error("a jump to nowhere is accepted")
		}
		state, err := table.Read()
		if want := []nft.Held{{Chain: "in", Tag: "good"}}; !reflect.DeepEqual(state.Rules, want) {
			t.Errorf("after a failed swap: %+v, %v", state, err)
		}
		return nil
	})
}

func TestOwnerOnly(t *testing.T) {
	inSpace(t, func(table *nft.Table) error {
		if err := table.Swap([]nft.Chain{in(rule("mine", nft.Drop()))}); err != nil {
			return err
		}
		other, err := nft.Open(name)
		if err != nil {
			return err
		}
		if err := other.Swap(nil); !errors.Is(err, nft.ErrForeign) {
			t.Errorf("swap of another's table: %v", err)
		}
		state, err := other.Read()
		if err != nil || !state.Exists || state.Ours || len(state.Rules) != 1 {
			t.Errorf("another's table looks like %+v, %v", state, err)
		}
		if err := other.Close(); err != nil {
			return err
		}
		if state, err := table.Read(); err != nil || !state.Ours {
			t.Errorf("the table went with the other: %+v, %v", state, err)
		}
		return nil
	})
}

// Closing the socket is what happens when a process dies.
func TestTableGoesWithItsSocket(t *testing.T) {
	inSpace(t, func(table *nft.Table) error {
		first, err := nft.Open(name)
		if err != nil {
			return err
		}
		if err := first.Swap([]nft.Chain{in(rule("mine", nft.Drop()))}); err != nil {
			return err
		}
		if err := first.Close(); err != nil {
			return err
		}
		state, err := table.Read()
		if state.Exists {
			t.Errorf("it is still there: %+v", state)
		}
		return err
	})
}

func FuzzAttributes(f *testing.F) {
	f.Add(nft.Attribute(nft.Attribute(nil, 1, []byte("abc")), 2, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, value := range nft.Attributes(b) {
			if len(value) > len(b) {
				t.Errorf("%x holds %x", b, value)
			}
		}
	})
}
