package gate

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// nft is the gate in nftables: the element of port 5432 in the set "open" of the table that the container made before its server.
//
// Note: the element is added, deleted and added again in one transaction, since adding what is there would not renew its time, and
// deleting what is not there is an error.
type nft struct{}

const element = "inet gate open { 5432 %s}\n"

// Open lets clients pass for d.
func (nft) Open(ctx context.Context, d time.Duration) error {
	plain := fmt.Sprintf(element, "")
	timed := fmt.Sprintf(element, fmt.Sprintf("timeout %dms ", d.Milliseconds()))
	return tell(ctx, "add element "+plain+"delete element "+plain+"add element "+timed)
}

// Close lets nobody pass.
func (nft) Close(ctx context.Context) error {
	plain := fmt.Sprintf(element, "")
	return tell(ctx, "add element "+plain+"delete element "+plain)
}

// tellLimit bounds one command.
const tellLimit = 2 * time.Second

func tell(ctx context.Context, commands string) error {
	ctx, cancel := context.WithTimeout(ctx, tellLimit)
	defer cancel()
	c := exec.CommandContext(ctx, "nft", "-f", "-")
	c.Stdin = strings.NewReader(commands)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}

// wide is the gate of the mutant: it never closes.
type wide struct{}

func (wide) Open(context.Context, time.Duration) error { return nil }
func (wide) Close(context.Context) error               { return nil }
