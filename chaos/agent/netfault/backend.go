//go:build linux

package netfault

import (
	"crypto/rand"
	"errors"
	"fmt"

	"gauntlet/chaos/agent/nft"
)

// backend is how packets get to this process on this kernel.
type backend struct {
	name     string
	iptables bool  // by the target of iptables, used through nftables
	err      error // neither way works: only drop, reset and refuse do
}

// probe tries both ways in a table that no packet passes, and that is gone when it returns.
func probe() backend {
	var errs []error
	for _, b := range []backend{{name: "NFQUEUE"}, {name: "NFQUEUE (xtables)", iptables: true}} {
		err := try(b.iptables)
		if err == nil {
			return b
		}
		errs = append(errs, fmt.Errorf("%s: %w", b.name, err))
	}
	return backend{err: fmt.Errorf("this kernel can't queue packets for a process: %w", errors.Join(errs...))}
}

func try(iptables bool) error {
	t, err := nft.Open(tableName + "-probe-" + rand.Text()[:8])
	if err != nil {
		return err
	}
	rule := nft.Rule{Tag: "gauntlet: probe", Exprs: nft.Queue(firstQueue, iptables)}
	return errors.Join(t.Swap([]nft.Chain{{Name: "probe", Rules: []nft.Rule{rule}}}), t.Close())
}
